/** Refusals as the real hypervisor gives them: a code, the library call, and the error number of Linux. */
import { HypervisorError, type HypervisorErrorCode } from '@xenops/core/errors';

/** Error numbers that the model gives (include/uapi/asm-generic/errno*.h). */
const ERRNO = {
  EPERM: 1,
  ESRCH: 3,
  ENOMEM: 12,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
} as const;

export type ErrnoName = keyof typeof ERRNO;

const CODES: Readonly<Record<ErrnoName, HypervisorErrorCode>> = {
  EPERM: 'HYPERVISOR_NOT_PERMITTED',
  ESRCH: 'HYPERVISOR_NO_DOMAIN',
  ENOMEM: 'HYPERVISOR_NO_MEMORY',
  EEXIST: 'HYPERVISOR_EXISTS',
  EINVAL: 'HYPERVISOR_BAD_ARGUMENT',
  ENOSPC: 'HYPERVISOR_CALL_FAILED',
  EOVERFLOW: 'HYPERVISOR_CALL_FAILED',
};

/** The failure of a library call on a domain. */
export function callFailure(failure: {
  readonly call: string;
  readonly errno: ErrnoName;
  readonly message: string;
  readonly domid?: number;
}): HypervisorError {
  const { call, errno, message, domid } = failure;
  return new HypervisorError(CODES[errno], {
    message,
    context: {
      call,
      errno: ERRNO[errno],
      errnoName: errno,
      ...(domid === undefined ? {} : { domid }),
    },
  });
}
