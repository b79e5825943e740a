/** The model of Xen: its state and its verbs. Refusals are those of the real hypervisor as `Hypervisor` asks for them. */
import type { Clock } from '@xenops/core/host';
import { machineOf } from '../description/machine.ts';
import type { HostDescription } from '../description/host-description.ts';
import { buildVerbs } from './build-verbs.ts';
import { Cpupools } from './cpupools.ts';
import { domainVerbs } from './domain-verbs.ts';
import { dumpCoreVerb } from './dump-core.ts';
import { hardwareVerbs } from './hardware-verbs.ts';
import { hostVerbs } from './host-verbs.ts';
import { memoryVerbs } from './memory-verbs.ts';
import { pciVerbs, type PciOwners } from './pci-verbs.ts';
import { openRings } from './rings.ts';
import { fdSink, fdSource, streamVerbs } from './save-restore-verbs.ts';
import { settingsVerbs } from './settings-verbs.ts';
import { vcpuVerbs } from './vcpu-verbs.ts';
import type { HypervisorVerbs } from './verbs.ts';
import { XenState } from './xen-state.ts';

export interface HypervisorModel {
  readonly xen: XenState;
  readonly verbs: HypervisorVerbs;
}

/** A machine that has just booted. */
export function createModel(clock: Clock, description: HostDescription = {}): HypervisorModel {
  const xen = new XenState(clock, machineOf(description));
  const cpupools = new Cpupools(xen);
  const pciOwners: PciOwners = new Map();
  const streams = streamVerbs(xen);
  return {
    xen,
    verbs: {
      ...hostVerbs(xen),
      ...cpupools.verbs(),
      ...domainVerbs(xen, { cpupools, pciOwners }),
      ...settingsVerbs(xen),
      ...vcpuVerbs(xen, cpupools),
      ...memoryVerbs(xen),
      ...hardwareVerbs(xen),
      ...pciVerbs(xen, pciOwners),
      ...buildVerbs(xen),
      ...dumpCoreVerb(xen),
      ...streams,
      saveDomain: async (domid, { fd, ...spec }, options) =>
        streams.saveTo(domid, { ...spec, write: fdSink(fd) }, options),
      restoreDomain: async (domid, { fd, ...spec }, options) =>
        streams.restoreFrom(domid, { ...spec, read: fdSource(fd) }, options),
      openRings: () => openRings(xen),
    },
  };
}
