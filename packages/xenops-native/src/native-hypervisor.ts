/**
 * The hypervisor through the addon: the groups of verbs over one connection. Verbs that take microseconds answer at once;
 * what can take longer runs on threads of the addon.
 */
import type { SaveRestore } from '@xenops/core/hypervisor';
import { buildVerbs, type BuildVerbs } from './build-verbs.ts';
import { Connection } from './connection.ts';
import { controlVerbs, type ControlVerbs } from './control-verbs.ts';
import { domainVerbs, type DomainVerbs } from './domain-verbs.ts';
import { hardwareVerbs, type HardwareVerbs } from './hardware-verbs.ts';
import { hostControlVerbs, type HostControlVerbs } from './host-control-verbs.ts';
import { hostVerbs, type HostVerbs } from './host-verbs.ts';
import type { KernelCache } from './kernel-cache.ts';
import type { OpenedXen } from './load-addon.ts';
import { memoryVerbs, type MemoryVerbs } from './memory-verbs.ts';
import { ringVerbs, type RingVerbs } from './rings.ts';
import { saveVerbs } from './save-verbs.ts';
import { schedulerVerbs, type SchedulerVerbs } from './scheduler-verbs.ts';
import { vcpuVerbs, type VcpuVerbs } from './vcpu-verbs.ts';

/** `Hypervisor` of the core on libxenctrl. One connection, to be disposed of by whoever opened it. */
export interface NativeHypervisor
  extends
    HostVerbs,
    DomainVerbs,
    BuildVerbs,
    ControlVerbs,
    MemoryVerbs,
    VcpuVerbs,
    HardwareVerbs,
    HostControlVerbs,
    SchedulerVerbs,
    RingVerbs,
    SaveRestore,
    AsyncDisposable {}

export interface NativeOptions {
  /** Where unpacked kernels are kept; undefined unpacks each anew. */
  readonly kernelCache: KernelCache | undefined;
}

/** Takes over the connection. Disposal waits for what is under way. */
export function nativeHypervisor(
  opened: OpenedXen,
  { kernelCache }: NativeOptions,
): NativeHypervisor {
  const connection = new Connection(opened);
  return {
    ...hostVerbs(connection),
    ...domainVerbs(connection),
    ...buildVerbs(connection, kernelCache),
    ...saveVerbs(connection),
    ...controlVerbs(connection),
    ...memoryVerbs(connection),
    ...vcpuVerbs(connection),
    ...hardwareVerbs(connection),
    ...hostControlVerbs(connection),
    ...schedulerVerbs(connection),
    ...ringVerbs(connection),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
