/** From the failures of the addon to the errors of the toolstack. */
import { constants } from 'node:os';
import { getSystemErrorName, types } from 'node:util';
import {
  AbortedError,
  HypervisorError,
  type ErrorContext,
  type HypervisorErrorCode,
  type XenopsError,
} from '@xenops/core/errors';
import type { AddonFailure } from './addon.ts';

const { errno } = constants;

const CODE_BY_ERRNO: ReadonlyMap<number, HypervisorErrorCode> = new Map([
  [errno.ESRCH, 'HYPERVISOR_NO_DOMAIN'],
  [errno.EPERM, 'HYPERVISOR_NOT_PERMITTED'],
  [errno.EACCES, 'HYPERVISOR_NOT_PERMITTED'],
  [errno.ENOMEM, 'HYPERVISOR_NO_MEMORY'],
  [errno.EINVAL, 'HYPERVISOR_BAD_ARGUMENT'],
  [errno.EEXIST, 'HYPERVISOR_EXISTS'],
  [errno.EBUSY, 'HYPERVISOR_BUSY'],
  [errno.EAGAIN, 'HYPERVISOR_BUSY'],
  [errno.EADDRINUSE, 'HYPERVISOR_BUSY'],
  [errno.ENOSYS, 'HYPERVISOR_NOT_SUPPORTED'],
  [errno.EOPNOTSUPP, 'HYPERVISOR_NOT_SUPPORTED'],
  [errno.EBADF, 'HYPERVISOR_UNAVAILABLE'],
]);

/** Why, in words: the rest of "Cannot build domain 7: ...". */
const REASON: Readonly<Record<HypervisorErrorCode, string>> = {
  HYPERVISOR_UNAVAILABLE: 'this connection to the hypervisor has been closed',
  HYPERVISOR_NO_DOMAIN: 'no domain has this domid',
  HYPERVISOR_NOT_PERMITTED: 'Xen does not permit it',
  HYPERVISOR_NO_MEMORY: 'there is not enough memory for it',
  HYPERVISOR_BAD_ARGUMENT: 'Xen refuses a value',
  HYPERVISOR_EXISTS: 'it exists already',
  HYPERVISOR_BUSY: 'it is in use or in the wrong state',
  HYPERVISOR_NOT_SUPPORTED: 'this Xen or its libraries cannot do it',
  HYPERVISOR_CALL_FAILED: 'the call failed',
  BUILD_KERNEL_UNREADABLE: 'the kernel cannot be read',
  BUILD_KERNEL_INVALID: 'the file is no kernel that this type of guest can start',
  BUILD_RAMDISK_UNREADABLE: 'a file beside the kernel cannot be read',
};

/** The file that a failure is about, to be named in its message; empty where it is about none. */
function fileOf(code: HypervisorErrorCode, context: ErrorContext): string {
  const { kernelPath, ramdiskPath, firmwarePath } = context;
  const isKernel = code === 'BUILD_KERNEL_UNREADABLE' || code === 'BUILD_KERNEL_INVALID';
  const file = isKernel
    ? kernelPath
    : code === 'BUILD_RAMDISK_UNREADABLE'
      ? (ramdiskPath ?? firmwarePath)
      : undefined;
  return file === undefined ? '' : ` (${file})`;
}

/** `xc_error_code` (xenctrl.h): what libxenguest reports where errno says nothing. */
const LIBRARY_INVALID_KERNEL = 2;
const LIBRARY_OUT_OF_MEMORY = 4;

/** The code for a failure: for a build by what was being done, else by errno. */
export function codeOfFailure({
  call,
  errno: number,
  libraryCode,
  stage,
}: AddonFailure): HypervisorErrorCode {
  if (number === errno.ENOMEM) return 'HYPERVISOR_NO_MEMORY';
  if (stage === 'kernel') {
    // The file was read, and is empty or larger than any kernel.
    const isRead = number === errno.ENODATA || number === errno.EFBIG;
    return isRead ? 'BUILD_KERNEL_INVALID' : 'BUILD_KERNEL_UNREADABLE';
  }
  if (stage === 'ramdisk' || stage === 'firmware' || call === 'xc_dom_module_mem') {
    return 'BUILD_RAMDISK_UNREADABLE';
  }
  if (call === 'xc_dom_kernel_mem' || call === 'xc_dom_parse_image') return 'BUILD_KERNEL_INVALID';
  // The descriptor of a stream.
  if (call === 'dup') return 'HYPERVISOR_BAD_ARGUMENT';
  // Their errno is that of whatever step failed; a value that was refused is the library's own.
  if (call === 'xc_domain_save' || call === 'xc_domain_restore') return 'HYPERVISOR_CALL_FAILED';
  if (stage !== '' && libraryCode === LIBRARY_OUT_OF_MEMORY) return 'HYPERVISOR_NO_MEMORY';
  if (stage !== '' && libraryCode === LIBRARY_INVALID_KERNEL) return 'BUILD_KERNEL_INVALID';
  // A scheduler that this Xen was built without, or no such pool.
  if (call === 'xc_cpupool_create' && number === errno.ENOENT) return 'HYPERVISOR_NOT_SUPPORTED';
  if (call.startsWith('xc_cpupool_') && number === errno.ENOENT) return 'HYPERVISOR_BAD_ARGUMENT';
  return CODE_BY_ERRNO.get(number) ?? 'HYPERVISOR_CALL_FAILED';
}

/** The failure in what the addon threw; undefined when it is another error. */
export function findAddonFailure(error: unknown): AddonFailure | undefined {
  if (!types.isNativeError(error)) return undefined;
  const { call, errno: number, libraryCode, log, stage } = error as Partial<AddonFailure>;
  return typeof call === 'string' &&
    typeof number === 'number' &&
    typeof libraryCode === 'number' &&
    typeof log === 'string' &&
    typeof stage === 'string'
    ? { call, errno: number, libraryCode, log, stage }
    : undefined;
}

/**
 * What to throw for an error of the addon while doing `what`, such as "pause domain 7". A RangeError, by which the addon
 * refuses a number, is a bad argument; a TypeError is a mistake in this package and stays as it is.
 */
export function errorFromAddon(error: unknown, what: string, context: ErrorContext): unknown {
  const failure = findAddonFailure(error);
  if (failure !== undefined) return errorFromFailure(failure, what, context, error);
  if (!types.isNativeError(error) || error.name !== 'RangeError') return error;
  return new HypervisorError('HYPERVISOR_BAD_ARGUMENT', {
    message: `Cannot ${what}: a number is out of range`,
    context,
    cause: error,
  });
}

function errorFromFailure(
  failure: AddonFailure,
  what: string,
  context: ErrorContext,
  cause: unknown,
): XenopsError {
  if (failure.call === 'abort') {
    return new AbortedError({
      message: `Called off: ${what}`,
      context: { ...context, stage: failure.stage },
    });
  }
  const code = codeOfFailure(failure);
  return new HypervisorError(code, {
    message: `Cannot ${what}: ${REASON[code]}${fileOf(code, context)}`,
    context: {
      ...context,
      call: failure.call,
      errno: failure.errno,
      ...(failure.errno > 0 ? { errnoName: getSystemErrorName(-failure.errno) } : {}),
      ...(failure.stage === '' ? {} : { stage: failure.stage }),
      ...(failure.log === '' ? {} : { log: failure.log }),
    },
    cause,
  });
}
