export type { DeviceEnd, HostEvent } from './event.ts';
export { HostEvents, type HostEventOptions } from './host-events.ts';
