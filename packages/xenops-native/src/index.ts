export { openHypervisor, type OpenOptions } from './open-hypervisor.ts';
export { DEFAULT_KERNEL_CACHE, type KernelCache } from './kernel-cache.ts';
export { openHotplug } from './hotplug.ts';
export { isAvailable } from './load-addon.ts';
export type { Availability, MissingPart } from './load-addon.ts';
export type { NativeHypervisor } from './native-hypervisor.ts';
export { DomainTable } from './domain-list-codec.ts';
export { libxenstoreConnector, openLibxenstore } from './xenstore-transport.ts';
