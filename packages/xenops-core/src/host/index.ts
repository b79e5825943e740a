export type { Host } from './host.ts';
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type {
  HostServices,
  NamedUser,
  ProcessIdentity,
  ProcessSpec,
  SystemUser,
} from './host-services.ts';
export { nodeHostServices } from './node-host-services.ts';
export { findInPasswd } from './system-users.ts';
