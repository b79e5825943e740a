/**
 * An embedded Xen host.
 *
 * ```ts
 * const host = await createSimHost();
 * const domid = await host.hypervisor.createDomain({ uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 1 });
 * await host[Symbol.asyncDispose]();
 * ```
 */
export { createSimHost } from './sim-host.ts';
export type { SimControl, SimHost, SimHostOptions } from './sim-host.ts';
export { openSimHost } from './open-sim-host.ts';
export type { OpenedSimHost } from './open-sim-host.ts';
export { defaultSimFolder, simSocketPaths } from './daemon/socket-folder.ts';
export type { SimPaths } from './daemon/socket-folder.ts';
export { VirtualClock } from './time/virtual-clock.ts';
export type { BackendTemper } from './backends/backend-temper.ts';
export { readDescription } from './description/host-description.ts';
export type {
  FlaskDescription,
  HostDescription,
  NodeDescription,
  PciDescription,
} from './description/host-description.ts';
export type { CallFault, FaultOptions, FaultPlan, InjectedFault } from './faults/fault-plan.ts';
export type { Guest, GuestMachine, GuestRings, WokenBy } from './guests/guest.ts';
export { guestTemper, TEMPERS } from './guests/guest-tempers.ts';
export type { GuestTemper } from './guests/guest-tempers.ts';
export { linuxGuest } from './guests/linux-guest.ts';
export { simulatedKernel } from './hypervisor/kernel-image.ts';
export { Xenstored } from './xenstored/xenstored.ts';
export type { XenstoredOptions } from './xenstored/xenstored.ts';
