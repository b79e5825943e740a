/** Refusals as the real hypervisor gives them: a code, the library call, and the error number of Linux. */
import { HypervisorError, type HypervisorErrorCode } from '@xenops/core/errors';

/** Error numbers that the model gives (include/uapi/asm-generic/errno*.h). */
const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EIO: 5,
  ENOMEM: 12,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ENOSYS: 38,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
} as const;

export type ErrnoName = keyof typeof ERRNO;

const CODES: Readonly<Partial<Record<ErrnoName, HypervisorErrorCode>>> = {
  EPERM: 'HYPERVISOR_NOT_PERMITTED',
  ENOENT: 'HYPERVISOR_BAD_ARGUMENT',
  ESRCH: 'HYPERVISOR_NO_DOMAIN',
  ENOMEM: 'HYPERVISOR_NO_MEMORY',
  EBUSY: 'HYPERVISOR_BUSY',
  EEXIST: 'HYPERVISOR_EXISTS',
  EINVAL: 'HYPERVISOR_BAD_ARGUMENT',
  ENOSYS: 'HYPERVISOR_NOT_SUPPORTED',
  EOPNOTSUPP: 'HYPERVISOR_NOT_SUPPORTED',
};

/** What was called and on which domain, for a refusal. */
export interface CallPlace {
  readonly call: string;
  readonly domid?: number;
}

/** The failure of a library call on a domain. */
export function callFailure(
  failure: CallPlace & { readonly errno: ErrnoName; readonly message: string },
): HypervisorError {
  const { call, errno, message, domid } = failure;
  return new HypervisorError(CODES[errno] ?? 'HYPERVISOR_CALL_FAILED', {
    message,
    context: {
      call,
      errno: ERRNO[errno],
      errnoName: errno,
      ...(domid === undefined ? {} : { domid }),
    },
  });
}

/** Throws HYPERVISOR_BAD_ARGUMENT unless the value is a whole number in the range, both ends included. */
export function checkWhole(
  value: number,
  range: { readonly min: number; readonly max: number; readonly what: string },
  place: CallPlace,
): void {
  const { min, max, what } = range;
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const message = `${what} is a whole number from ${min} to ${max}, not ${value}`;
  throw callFailure({ ...place, errno: 'EINVAL', message });
}
