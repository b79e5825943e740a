/**
 * Everything that is a hypercall or a libxenguest call: small verbs with plain data. Implemented by `@xenops/native` on
 * libxenctrl and by `@xenops/sim` in a model; both are held to the same behaviour by the suite in `compliance/`.
 *
 * To implementers:
 * - A verb about a domid that no domain has fails with HYPERVISOR_NO_DOMAIN; bad numbers with HYPERVISOR_BAD_ARGUMENT.
 * - Every failure is a HypervisorError with `context.call` (the library call) and `context.errno`, and `context.log`
 *   when the library logged why.
 * - Cheap verbs may answer at once (a plain value) or by promise; callers always await.
 * - A long verb checks `signal` first and between its steps; when it fires it rejects with ABORTED. It never undoes:
 *   whoever started it owns the domain and destroys it.
 * - After `[Symbol.asyncDispose]` every verb fails with HYPERVISOR_UNAVAILABLE.
 */
import type { Domid, Evtchn, VmUuid } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';
import type { DomainControl } from './control.ts';
import type { HostControl } from './host-control.ts';
import type { MemoryControl } from './memory-control.ts';
import type { HardwareAccess } from './permissions.ts';
import type { RingOpener } from './rings.ts';
import type { SaveRestore } from './save-restore.ts';
import type { VcpuControl } from './vcpu-control.ts';
import type { DomainInfo } from './domain-info.ts';
import type { PcpuInfo, PhysInfo, XenVersion } from './physinfo.ts';
import type { BuildResult, BuildSpec, DomainCreateSpec, LongCallOptions } from './specs.ts';
import type { ShutdownReason } from './shutdown-reason.ts';

export type { DomainInfo, GuestType } from './domain-info.ts';
export { PHYS_CAPABILITIES, physCapabilities } from './physinfo.ts';
export type { PcpuInfo, PhysCapability, PhysInfo, XenVersion } from './physinfo.ts';
export type {
  BootModule,
  BuildResult,
  BuildSpec,
  DomainCreateSpec,
  GuestBytes,
  HvmBuildSpec,
  LongCallOptions,
  Progress,
  PvBuildSpec,
  PvhBuildSpec,
} from './specs.ts';
export { HVM_PARAMS, TRIGGERS, TSC_MODES } from './control.ts';
export type { DomainControl, HvmParam, Trigger, TscInfo, TscMode } from './control.ts';
export { SCHEDULERS } from './host-control.ts';
export type {
  CpuTopology,
  CpupoolInfo,
  HostControl,
  NumaNode,
  Scheduler,
  SchedulerShare,
  SeenScheduler,
} from './host-control.ts';
export type { MemoryControl, PodInfo } from './memory-control.ts';
export {
  findPciAddress,
  formatPciAddress,
  pciAddressFromSbdf,
  sbdfFromPciAddress,
} from './pci-address.ts';
export type { PciAddress } from './pci-address.ts';
export type { FrameRange, HardwareAccess, PortRange } from './permissions.ts';
export type { EventChannels, MappedMemory, RingAccess, RingOpener } from './rings.ts';
export type { RestoreSpec, SaveRestore, SaveSpec } from './save-restore.ts';
export type {
  CpuPolicySpec,
  CpuidLeaf,
  VcpuAffinity,
  VcpuControl,
  VcpuInfo,
} from './vcpu-control.ts';
export { SHUTDOWN_REASONS, shutdownCode, shutdownReason } from './shutdown-reason.ts';
export type { SeenShutdownReason, ShutdownReason } from './shutdown-reason.ts';

export type { Awaitable } from './awaitable.ts';

/** Domains from creation to destruction, and what the host is. */
export interface DomainVerbs extends AsyncDisposable {
  version(): Awaitable<XenVersion>;
  physInfo(): Awaitable<PhysInfo>;
  /** One entry for each physical cpu, in order. */
  pcpuInfo(): Awaitable<readonly PcpuInfo[]>;
  /** Text of Xen's console ring, oldest first; it is left as it is. */
  consoleRing(): Awaitable<string>;

  /** All domains, by rising domid, Dom0 first. */
  listDomains(): Awaitable<readonly DomainInfo[]>;
  /** One domain; undefined when no domain has exactly that domid. */
  findDomain(domid: Domid): Awaitable<DomainInfo | undefined>;

  /** Makes an empty, paused domain with `maxVcpus` vcpus, and tells its domid. */
  createDomain(spec: DomainCreateSpec): Awaitable<Domid>;
  /** Gives the domain a new uuid (`xc_domain_sethandle`). */
  setHandle(domid: Domid, uuid: VmUuid): Awaitable<void>;
  /** Xen's limit; below what the domain has now, it only stops it from taking more. */
  setMaxMemory(domid: Domid, maxMemoryKib: number): Awaitable<void>;
  /** A port in `domid` that `remote` may bind to. */
  allocUnboundEvtchn(domid: Domid, remote: Domid): Awaitable<Evtchn>;
  /** Loads kernel and modules or firmware, builds page tables, memory map and rings, seeds the grant table for store and console. */
  buildDomain(domid: Domid, spec: BuildSpec, options?: LongCallOptions): Promise<BuildResult>;

  /** Pauses count: as many unpauses are needed. A new domain is paused once. */
  pause(domid: Domid): Awaitable<void>;
  unpause(domid: Domid): Awaitable<void>;
  /** Puts the domain in shutdown state at once, without asking it. */
  shutdown(domid: Domid, reason: ShutdownReason): Awaitable<void>;
  /** Takes the domain's memory back; long for a large one. It may stay listed as dying while others map its pages. */
  destroy(domid: Domid, options?: LongCallOptions): Promise<void>;
}

/** The whole: what domains, their memory, vcpus and hardware, the host, its rings and save streams need. */
export interface Hypervisor
  extends
    DomainVerbs,
    DomainControl,
    MemoryControl,
    VcpuControl,
    HardwareAccess,
    HostControl,
    RingOpener,
    SaveRestore {}
