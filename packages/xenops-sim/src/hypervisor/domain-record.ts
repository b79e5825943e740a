import type { DomainInfo, GuestType, ShutdownReason } from '@xenops/core/hypervisor';
import { domid as toDomid, type VmUuid } from '@xenops/core/ids';
import { kibFromPages } from '@xenops/core/units';
import type { EventPorts } from './event-ports.ts';

/** What buildDomain has put into a domain, for the guest that will run there. */
export interface BuiltGuest {
  readonly cmdline: string;
  readonly kernelPath: string;
  readonly ramdiskPath?: string | undefined;
}

/** One domain of the model. */
export interface DomainRecord {
  readonly domid: number;
  uuid: VmUuid;
  readonly guestType: GuestType;
  readonly maxVcpus: number;
  readonly ssidref: number;
  readonly cpupoolId: number;
  readonly sharedInfoFrame: bigint;
  readonly ports: EventPorts;
  /** Memory of Xen's own for this domain. */
  readonly overheadPages: number;
  pages: number;
  maxPages: number;
  pauseCount: number;
  onlineVcpuCount: number;
  /** All its vcpus wait for something. */
  isIdle: boolean;
  isDying: boolean;
  shutdownReason: ShutdownReason | undefined;
  cpuTimeNs: bigint;
  guest: BuiltGuest | undefined;
}

/** Whether the guest's vcpus may run. */
export function isRunnable(domain: DomainRecord): boolean {
  return (
    domain.guest !== undefined &&
    domain.pauseCount === 0 &&
    domain.shutdownReason === undefined &&
    !domain.isDying
  );
}

/** The domain as `xen_domctl_getdomaininfo` tells it. */
export function domainInfo(domain: DomainRecord): DomainInfo {
  const isShutdown = domain.shutdownReason !== undefined;
  const hasVcpus = domain.onlineVcpuCount > 0 && !isShutdown;
  return {
    domid: toDomid(domain.domid),
    uuid: domain.uuid,
    guestType: domain.guestType,
    dying: domain.isDying,
    shutdown: isShutdown,
    paused: domain.pauseCount > 0,
    blocked: hasVcpus && domain.isIdle,
    running: hasVcpus && !domain.isIdle && domain.pauseCount === 0,
    ...(domain.shutdownReason === undefined ? {} : { shutdownReason: domain.shutdownReason }),
    memoryKib: kibFromPages(domain.pages),
    maxMemoryKib: kibFromPages(domain.maxPages),
    outstandingKib: 0,
    sharedInfoFrame: domain.sharedInfoFrame,
    cpuTimeNs: domain.cpuTimeNs,
    onlineVcpuCount: domain.onlineVcpuCount,
    maxVcpuId: domain.maxVcpus - 1,
    ssidref: domain.ssidref,
    cpupoolId: domain.cpupoolId,
  };
}
