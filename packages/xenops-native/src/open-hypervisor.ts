import { openXen } from './load-addon.ts';
import { NativeHypervisor } from './native-hypervisor.ts';

/** Connects to the hypervisor of this Dom0. Throws HYPERVISOR_UNAVAILABLE that says what is missing and what to do. */
export function openHypervisor(): NativeHypervisor {
  return new NativeHypervisor(openXen());
}
