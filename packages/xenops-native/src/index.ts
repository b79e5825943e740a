export { openHypervisor } from './open-hypervisor.ts';
export { isAvailable } from './load-addon.ts';
export type { Availability, MissingPart } from './load-addon.ts';
export { NativeHypervisor } from './native-hypervisor.ts';
export { DomainTable } from './domain-list-codec.ts';
