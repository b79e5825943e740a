/** The files that a guest is built from, read and checked as libxenguest does. */
import { open } from 'node:fs/promises';
import { HypervisorError, type HypervisorErrorCode } from '@xenops/core/errors';
import type { BuildSpec } from '@xenops/core/hypervisor';
import { kibFromBytesUp } from '@xenops/core/units';
import { isElf, isKernelFor } from './kernel-image.ts';

/** Largest file that is taken for a kernel; libxenguest has a limit of its own (`kernel_max_size`). */
const KERNEL_BYTES_MAX = 268_435_456;

interface Image {
  readonly bytes: number;
  /** The file, or its first part. */
  readonly content: Buffer;
}

/** Reads the files of the guest and says how large they are together. Rejects with the three BUILD_ codes. */
export async function loadBootImages(domid: number, spec: BuildSpec): Promise<number> {
  const fail = failureOf(domid);
  const kernelPath = spec.kind === 'hvm' ? spec.loaderPath : spec.kernelPath;
  const kernel = await readImage(kernelPath, KERNEL_BYTES_MAX).catch((cause: unknown) => {
    throw fail('BUILD_KERNEL_UNREADABLE', `The kernel ${kernelPath} cannot be read`, cause);
  });
  const isRight =
    spec.kind === 'hvm' ? isElf(kernel.content) : isKernelFor(spec.kind, kernel.content);
  if (!isRight) {
    const message = `${kernelPath} is nothing that a ${spec.kind} guest can start: neither an ELF file with Xen's note for it nor a bzImage`;
    throw fail('BUILD_KERNEL_INVALID', message);
  }
  let bytes = kernel.bytes;
  for (const modulePath of modulesOf(spec)) {
    // Its content is the guest's business: that it can be read is enough.
    const module = await readImage(modulePath, 1).catch((cause: unknown) => {
      throw fail('BUILD_RAMDISK_UNREADABLE', `The module ${modulePath} cannot be read`, cause);
    });
    bytes += module.bytes;
  }
  return kibFromBytesUp(bytes);
}

/** What goes into the guest beside the kernel. */
function modulesOf(spec: BuildSpec): readonly string[] {
  const paths =
    spec.kind === 'hvm'
      ? [spec.firmwarePath, spec.acpiModulePath, spec.smbiosModulePath]
      : [
          spec.ramdiskPath,
          ...(spec.kind === 'pvh' ? (spec.modules ?? []).map(({ path }) => path) : []),
        ];
  return paths.filter((path) => path !== undefined);
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
