/** Where unpacked kernels are kept, so that a bzImage is unpacked once and not at every start (cpp/kernel_cache.h). */
import { BYTES_PER_KIB, KIB_PER_MIB } from '@xenops/core/units';

export interface KernelCache {
  /** Absolute path. It is made, of mode 0700, in a folder that is there or whose own parent is. */
  readonly folder: string;
  /** Of all entries together; those used longest ago go first. */
  readonly bytesMax: number;
}

/** In memory, as all of `/run`: two or three kernels of a distribution, which unpack to some 50 MiB each. */
export const DEFAULT_KERNEL_CACHE: KernelCache = {
  folder: '/run/xenops/kernels',
  bytesMax: 160 * KIB_PER_MIB * BYTES_PER_KIB,
};
