import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import type { AddonFailure } from './addon.ts';
import { codeOfFailure, errorFromAddon, findAddonFailure } from './errno.ts';

const { errno } = constants;
const LIBRARY = { invalidKernel: 2, outOfMemory: 4 };

function failureOf(fields: Partial<AddonFailure>): AddonFailure {
  return { call: 'xc_call', errno: 0, libraryCode: 0, log: '', stage: '', ...fields };
}

function errorOf(fields: Partial<AddonFailure>): Error {
  return Object.assign(new Error('xc_call: failed'), failureOf(fields));
}

describe('the code of a failed call follows from errno', () => {
  test.each([
    [errno.ESRCH, 'HYPERVISOR_NO_DOMAIN'],
    [errno.EPERM, 'HYPERVISOR_NOT_PERMITTED'],
    [errno.EACCES, 'HYPERVISOR_NOT_PERMITTED'],
    [errno.ENOMEM, 'HYPERVISOR_NO_MEMORY'],
    [errno.EINVAL, 'HYPERVISOR_BAD_ARGUMENT'],
    [errno.EEXIST, 'HYPERVISOR_EXISTS'],
    [errno.ENOSYS, 'HYPERVISOR_NOT_SUPPORTED'],
    [errno.EOPNOTSUPP, 'HYPERVISOR_NOT_SUPPORTED'],
    [errno.EBADF, 'HYPERVISOR_UNAVAILABLE'],
    [errno.ENOSPC, 'HYPERVISOR_CALL_FAILED'],
    [0, 'HYPERVISOR_CALL_FAILED'],
  ])('errno %i is %s', (number, code) => {
    expect(codeOfFailure(failureOf({ errno: number }))).toBe(code);
  });
});

describe('the code of a failed build follows from what was being done', () => {
  test.each<[Partial<AddonFailure>, string]>([
    [{ stage: 'kernel', call: 'open', errno: errno.ENOENT }, 'BUILD_KERNEL_UNREADABLE'],
    [{ stage: 'kernel', call: 'open', errno: errno.EACCES }, 'BUILD_KERNEL_UNREADABLE'],
    [{ stage: 'kernel', call: 'read', errno: errno.EIO }, 'BUILD_KERNEL_UNREADABLE'],
    [{ stage: 'kernel', call: 'read', errno: errno.ENODATA }, 'BUILD_KERNEL_INVALID'],
    [{ stage: 'kernel', call: 'read', errno: errno.EFBIG }, 'BUILD_KERNEL_INVALID'],
    [{ stage: 'kernel', call: 'mmap', errno: errno.ENOMEM }, 'HYPERVISOR_NO_MEMORY'],
    [{ stage: 'ramdisk', call: 'read', errno: errno.EFBIG }, 'BUILD_RAMDISK_UNREADABLE'],
    [
      { stage: 'prepare', call: 'xc_domain_set_tsc_info', errno: errno.ESRCH },
      'HYPERVISOR_NO_DOMAIN',
    ],
    [{ stage: 'parse', call: 'xc_dom_kernel_mem' }, 'BUILD_KERNEL_INVALID'],
    [{ stage: 'parse', call: 'xc_dom_parse_image', errno: errno.EINVAL }, 'BUILD_KERNEL_INVALID'],
    [{ stage: 'parse', call: 'xc_dom_module_mem' }, 'BUILD_RAMDISK_UNREADABLE'],
    [
      { stage: 'memory', errno: errno.EINVAL, libraryCode: LIBRARY.outOfMemory },
      'HYPERVISOR_NO_MEMORY',
    ],
    [{ stage: 'load', libraryCode: LIBRARY.outOfMemory }, 'HYPERVISOR_NO_MEMORY'],
    [{ stage: 'load', libraryCode: LIBRARY.invalidKernel }, 'BUILD_KERNEL_INVALID'],
    [{ stage: 'boot', errno: errno.EFAULT }, 'HYPERVISOR_CALL_FAILED'],
    [{ stage: 'firmware', call: 'open', errno: errno.ENOENT }, 'BUILD_RAMDISK_UNREADABLE'],
    [{ stage: 'memory', call: 'xc_domain_restore', errno: errno.EINVAL }, 'HYPERVISOR_CALL_FAILED'],
    [{ call: 'dup', errno: errno.EBADF }, 'HYPERVISOR_BAD_ARGUMENT'],
  ])('%j', (fields, code) => {
    expect(codeOfFailure(failureOf(fields))).toBe(code);
  });
});

describe('what is thrown for an error of the addon', () => {
  test('a failure becomes a HypervisorError with the call, errno by number and name, stage and log', () => {
    const cause = errorOf({ errno: errno.ESRCH, log: 'why', stage: 'memory' });
    const error = errorFromAddon(cause, 'build domain 7', { domid: 7 });
    expect(error).toBeInstanceOf(HypervisorError);
    expect(error).toMatchObject({
      code: 'HYPERVISOR_NO_DOMAIN',
      message: 'Cannot build domain 7: no domain has this domid',
      context: {
        domid: 7,
        call: 'xc_call',
        errno: errno.ESRCH,
        errnoName: 'ESRCH',
        stage: 'memory',
        log: 'why',
      },
      cause,
    });
  });
  test('a failure without errno, stage or log has none in its context', () => {
    const error = errorFromAddon(errorOf({}), 'pause domain 7', {});
    expect(error).toHaveProperty('context', { call: 'xc_call', errno: 0 });
  });
  test('an operation that was called off becomes an AbortedError that says at which stage', () => {
    const cause = errorOf({ call: 'abort', errno: errno.ECANCELED, stage: 'memory' });
    const error = errorFromAddon(cause, 'build domain 7', { domid: 7 });
    expect(error).toBeInstanceOf(AbortedError);
    expect(error).toHaveProperty('context', { domid: 7, stage: 'memory' });
  });
  test('a number that the addon refuses is a bad argument', () => {
    expect(errorFromAddon(new RangeError('domid'), 'pause domain 0', {})).toHaveProperty(
      'code',
      'HYPERVISOR_BAD_ARGUMENT',
    );
  });
  test('any other error stays as it is', () => {
    const bug = new TypeError('spec must be an object');
    expect(errorFromAddon(bug, 'build domain 7', {})).toBe(bug);
    expect(findAddonFailure('text')).toBeUndefined();
    expect(
      findAddonFailure(Object.assign(new Error(), { call: 'open', errno: 2 })),
    ).toBeUndefined();
  });
});
