import { DEFAULT_KERNEL_CACHE, type KernelCache } from './kernel-cache.ts';
import { openXen } from './load-addon.ts';
import { nativeHypervisor, type NativeHypervisor } from './native-hypervisor.ts';

export interface OpenOptions {
  /** Where unpacked kernels are kept; `off` unpacks each anew. DEFAULT_KERNEL_CACHE unless said. */
  readonly kernelCache?: KernelCache | 'off';
}

/** Connects to the hypervisor of this Dom0. Throws HYPERVISOR_UNAVAILABLE that says what is missing and what to do. */
export function openHypervisor({
  kernelCache = DEFAULT_KERNEL_CACHE,
}: OpenOptions = {}): NativeHypervisor {
  return nativeHypervisor(openXen(), {
    kernelCache: kernelCache === 'off' ? undefined : kernelCache,
  });
}
