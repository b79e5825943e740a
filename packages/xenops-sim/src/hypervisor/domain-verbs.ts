/** Verbs of the life of a domain: create, look up, limit, pause, shut down, resume, destroy. */
import type {
  DomainControl,
  DomainCreateSpec,
  GuestType,
  Hypervisor,
  LongCallOptions,
} from '@xenops/core/hypervisor';
import { domid as toDomid, evtchn } from '@xenops/core/ids';
import { throwIfAborted } from '@xenops/core/lifetime';
import { pagesFromKibDown } from '@xenops/core/units';
import { checkWhole } from './call-failure.ts';
import { giveBackAll, takeOverhead } from './domain-memory.ts';
import { domainInfo, isContainer, type DomainRecord } from './domain-record.ts';
import { DomidAllocator } from './domid-allocator.ts';
import type { Cpupools } from './cpupools.ts';
import { returnPciDevices, type PciOwners } from './pci-verbs.ts';
import { refuse, type XenState } from './xen-state.ts';

/** Limits of vcpus (MAX_VIRT_CPUS, HVM_MAX_VCPUS; xen/include/asm-x86). */
const MAX_VCPUS: Readonly<Record<GuestType, number>> = { pv: 8192, pvh: 128, hvm: 128 };
/** Pauses that one domain can have (`controller_pause_count`, xen/common/domain.c). */
const PAUSES_MAX = 255;
/** What Xen keeps for a domain, and for each of its vcpus: structures, shared info, stacks. */
const DOMAIN_OVERHEAD_PAGES = 16;
const VCPU_OVERHEAD_PAGES = 4;
/** Paging pool of a new hardware container (`hap_enable`, xen/arch/x86/mm/hap/hap.c). */
const PAGING_POOL_PAGES = 256;

type DomainVerbs = Pick<
  Hypervisor,
  | 'listDomains'
  | 'findDomain'
  | 'createDomain'
  | 'setHandle'
  | 'setMaxMemory'
  | 'allocUnboundEvtchn'
  | 'pause'
  | 'unpause'
  | 'shutdown'
  | 'destroy'
> &
  Pick<DomainControl, 'resume' | 'softReset'>;

/** What belongs to the model beside its state. */
export interface ModelParts {
  readonly cpupools: Cpupools;
  readonly pciOwners: PciOwners;
}

export function domainVerbs(xen: XenState, parts: ModelParts): DomainVerbs {
  const domids = new DomidAllocator();
  return {
    listDomains: () =>
      [...xen.domains.values()].sort((left, right) => left.domid - right.domid).map(domainInfo),
    findDomain(domid) {
      const domain = xen.domains.get(domid);
      return domain === undefined ? undefined : domainInfo(domain);
    },
    createDomain: (spec) => toDomid(createDomain(xen, domids, parts, spec)),
    setHandle: (domid, uuid) => void (xen.get(domid, 'xc_domain_sethandle').uuid = uuid),
    setMaxMemory(domid, maxMemoryKib) {
      const call = 'xc_domain_setmaxmem';
      const domain = xen.get(domid, call);
      const range = { min: 0, max: Number.MAX_SAFE_INTEGER, what: 'A memory limit in KiB' };
      checkWhole(maxMemoryKib, range, { call, domid });
      domain.maxPages = pagesFromKibDown(maxMemoryKib);
    },
    allocUnboundEvtchn(domid, remote) {
      const call = 'xc_evtchn_alloc_unbound';
      const port = xen.get(domid, call).ports.allocateUnbound(remote);
      if (port !== undefined) return evtchn(port);
      return refuse({ call, domid }, 'ENOSPC', `Domain ${domid} has no event channel port left`);
    },
    ...runVerbs(xen),
    destroy: async (domid, options) => destroy(xen, parts, domid, options),
  };
}

function createDomain(
  xen: XenState,
  domids: DomidAllocator,
  { cpupools }: ModelParts,
  spec: DomainCreateSpec,
): number {
  checkCreateSpec(xen, spec);
  const call = 'xc_domain_create';
  const cpupoolId = spec.cpupoolId ?? 0;
  if (!cpupools.hasCpus(cpupoolId)) refuse({ call }, 'ENOENT', `Cpupool ${cpupoolId} has no cpus`);
  const domid = chooseDomid(xen, domids, spec.domid);
  const pages = DOMAIN_OVERHEAD_PAGES + VCPU_OVERHEAD_PAGES * spec.maxVcpus;
  const poolPages = isContainer(spec) ? PAGING_POOL_PAGES : 0;
  const domain = xen.add(domid, spec, cpupoolId);
  try {
    takeOverhead(xen, domain, pages + poolPages, call);
  } catch (error) {
    xen.domains.delete(domid);
    throw error;
  }
  domain.pagingPoolPages = poolPages;
  return domid;
}

function checkCreateSpec(xen: XenState, spec: DomainCreateSpec): void {
  const call = 'xc_domain_create';
  const what = `The number of vcpus of a ${spec.guestType.toUpperCase()} guest`;
  const vcpus = { min: 1, max: MAX_VCPUS[spec.guestType], what };
  checkWhole(spec.maxVcpus, vcpus, { call });
  const u32 = { min: 0, max: 0x7fff_ffff };
  for (const key of ['maxEvtchnPort', 'maxGrantFrames', 'maxMaptrackFrames'] as const) {
    const value = spec[key];
    if (value !== undefined) checkWhole(value, { ...u32, what: key }, { call });
  }
  if (spec.iommu === true && !xen.machine.hasIommu) {
    refuse({ call }, 'EINVAL', 'The host has no IOMMU for devices of a domain');
  }
  if (spec.nestedVirt === true && (spec.hap === false || !isContainer(spec))) {
    refuse({ call }, 'EINVAL', 'Nested virtualisation needs hardware assisted paging');
  }
}

function chooseDomid(xen: XenState, domids: DomidAllocator, wanted: number | undefined): number {
  const call = 'xc_domain_create';
  const isUsed = (domid: number): boolean => xen.domains.has(domid);
  if (wanted === 0) {
    refuse({ call, domid: wanted }, 'EINVAL', 'Domid 0 is Dom0, no other domain can have it');
  }
  if (wanted !== undefined) {
    if (!isUsed(wanted)) return wanted;
    refuse({ call, domid: wanted }, 'EEXIST', `Domain ${wanted} exists already`);
  }
  return domids.next(isUsed) ?? refuse({ call }, 'ENOMEM', 'All domids are in use');
}

function runVerbs(
  xen: XenState,
): Pick<DomainVerbs, 'pause' | 'unpause' | 'shutdown' | 'resume' | 'softReset'> {
  return {
    pause(domid) {
      const call = 'xc_domain_pause';
      const domain = xen.getOther(domid, call, 'pause');
      if (domain.pauseCount >= PAUSES_MAX) {
        const message = `Domain ${domid} is paused ${PAUSES_MAX} times already`;
        refuse({ call, domid }, 'EOVERFLOW', message);
      }
      domain.pauseCount += 1;
      xen.tellRunnable(domain);
    },
    unpause(domid) {
      const call = 'xc_domain_unpause';
      const domain = xen.get(domid, call);
      if (domain.pauseCount === 0) {
        refuse({ call, domid }, 'EINVAL', `Domain ${domid} is not paused`);
      }
      domain.pauseCount -= 1;
      if (domain.pauseCount === 0) domain.hasRun = true;
      xen.tellRunnable(domain);
    },
    shutdown(domid, reason) {
      xen.shutDown(xen.getOther(domid, 'xc_domain_shutdown', 'shut down'), reason);
    },
    resume(domid, { cooperative }) {
      const call = 'xc_domain_resume';
      const domain = xen.getOther(domid, call, 'resume');
      if (domain.shutdownReason !== 'suspend') {
        refuse({ call, domid }, 'EINVAL', `Domain ${domid} is not suspended`);
      }
      bringBack(xen, domain, { isCooperative: cooperative });
    },
    softReset(domid) {
      const call = 'xc_domain_soft_reset';
      const domain = xen.getOther(domid, call, 'reset');
      if (domain.shutdownReason === undefined) {
        refuse({ call, domid }, 'EINVAL', `Domain ${domid} has not shut down`);
      }
      domain.ports.closeAll({ forGood: false });
      if (!isContainer(domain)) {
        refuse({ call, domid }, 'EINVAL', `Domain ${domid} is no hardware container`);
      }
      bringBack(xen, domain, { isCooperative: false });
    },
  };
}

function bringBack(
  xen: XenState,
  domain: DomainRecord,
  how: { readonly isCooperative: boolean },
): void {
  domain.shutdownReason = undefined;
  xen.tellResumed(domain, how);
  xen.tellRunnable(domain);
}

async function destroy(
  xen: XenState,
  parts: ModelParts,
  domid: number,
  { signal, onProgress }: LongCallOptions = {},
): Promise<void> {
  throwIfAborted(signal, `the destruction of domain ${domid}`);
  const domain = xen.getOther(domid, 'xc_domain_destroy', 'destroy');
  if (domain.isDying) return;
  onProgress?.({ stage: 'relinquish' });
  domain.isDying = true;
  domain.ports.closeAll({ forGood: true });
  giveBackAll(xen, domain);
  returnPciDevices(parts.pciOwners, domid);
  xen.tellRemoved(domain);
  if (domain.holderCount > 0) xen.tellException();
  else xen.forgetIfFree(domain);
}
