import { open } from 'node:fs/promises';
import { HypervisorError, type HypervisorErrorCode } from '@xenops/core/errors';
import type { PvBuildSpec } from '@xenops/core/hypervisor';
import { kibFromBytesUp } from '@xenops/core/units';
import { isPvKernel } from './kernel-image.ts';

/** Largest file that is taken for a kernel; libxenguest has a limit of its own (`kernel_max_size`). */
const KERNEL_BYTES_MAX = 268_435_456;

interface Image {
  readonly bytes: number;
  /** The file, or its first part. */
  readonly content: Buffer;
}

/** Reads kernel and ramdisk as the builder would and says how large they are. Rejects with the three BUILD_ codes. */
export async function loadPvImages(
  domid: number,
  { kernelPath, ramdiskPath }: Pick<PvBuildSpec, 'kernelPath' | 'ramdiskPath'>,
): Promise<number> {
  const fail = failureOf(domid);
  const kernel = await readImage(kernelPath, KERNEL_BYTES_MAX).catch((cause: unknown) => {
    throw fail('BUILD_KERNEL_UNREADABLE', `The kernel ${kernelPath} cannot be read`, cause);
  });
  if (!isPvKernel(kernel.content)) {
    throw fail(
      'BUILD_KERNEL_INVALID',
      `${kernelPath} is no kernel for a PV guest: it is neither an ELF file with Xen's notes nor a bzImage`,
    );
  }
  if (ramdiskPath === undefined) return kibFromBytesUp(kernel.bytes);
  // Its content is the guest's business: that it can be read is enough.
  const ramdisk = await readImage(ramdiskPath, 1).catch((cause: unknown) => {
    throw fail('BUILD_RAMDISK_UNREADABLE', `The ramdisk ${ramdiskPath} cannot be read`, cause);
  });
  return kibFromBytesUp(kernel.bytes + ramdisk.bytes);
}

/** A regular file, up to so many bytes of it. */
async function readImage(file: string, bytesMax: number): Promise<Image> {
  const handle = await open(file);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error(`${file} is no regular file`);
    const content = Buffer.alloc(Math.min(stat.size, bytesMax));
    await handle.read(content, 0, content.length, 0);
    return { bytes: stat.size, content };
  } finally {
    await handle.close();
  }
}

/** The number of EINVAL, for failures that the machine has not numbered. */
const EINVAL = 22;

type Fail = (code: HypervisorErrorCode, message: string, cause?: unknown) => HypervisorError;

function failureOf(domid: number): Fail {
  return (code, message, cause) => {
    const call = code === 'BUILD_RAMDISK_UNREADABLE' ? 'xc_dom_module_file' : 'xc_dom_kernel_file';
    const hasErrno = cause instanceof Error && 'errno' in cause;
    const errno = hasErrno ? Math.abs(Number(cause.errno)) : EINVAL;
    const details = { message, context: { call, errno, domid } };
    return new HypervisorError(code, cause === undefined ? details : { ...details, cause });
  };
}
