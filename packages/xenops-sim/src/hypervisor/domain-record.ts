import type {
  DomainCreateSpec,
  DomainInfo,
  GuestType,
  HvmParam,
  ShutdownReason,
  TscMode,
} from '@xenops/core/hypervisor';
import { domid as toDomid, type VmUuid } from '@xenops/core/ids';
import { kibFromPages } from '@xenops/core/units';
import { EventPorts } from './event-ports.ts';
import { GuestMemory } from './guest-memory.ts';

/** What a build or a restore has put into a domain, for the guest that will run there. */
export interface BuiltGuest {
  readonly cmdline: string;
  readonly kernelPath: string;
  /** A `restored` guest goes on behind its suspension. */
  readonly start: 'boot' | 'restored';
  /** What the guest's script keeps over save and restore; plain data of its own. */
  state?: unknown;
}

/** Hardware that a domain may reach. */
export interface HardwareRights {
  readonly ioports: Set<string>;
  readonly iomem: Set<string>;
  readonly iomemMapped: Set<string>;
  /** Machine irq by pirq. */
  readonly pirqs: Map<number, number>;
  readonly irqs: Set<number>;
}

/** One domain of the model. What few domains have is made when it is first needed: there may be thousands. */
export interface DomainRecord {
  readonly domid: number;
  uuid: VmUuid;
  readonly guestType: GuestType;
  readonly maxVcpus: number;
  readonly ssidref: number;
  readonly hasIommu: boolean;
  readonly sharedInfoFrame: bigint;
  readonly ports: EventPorts;
  readonly memory: GuestMemory;
  cpupoolId: number;
  /** Memory of Xen's own for this domain, its paging pool among it. */
  overheadPages: number;
  pagingPoolPages: number;
  pages: number;
  /** All its pages, Xen's for it too, by node. */
  pagesByNode: readonly number[];
  maxPages: number;
  outstandingPages: number;
  pauseCount: number;
  onlineVcpuCount: number;
  /** All its vcpus wait for something. */
  isIdle: boolean;
  isDying: boolean;
  /** It has been unpaused once (`creation_finished`, xen/common/domain.c). */
  hasRun: boolean;
  /** Others that keep it from disappearing: who maps its pages, its stub domain. */
  holderCount: number;
  shutdownReason: ShutdownReason | undefined;
  cpuTimeNs: bigint;
  /** By vcpu; those that are not there may run everywhere. */
  readonly affinities: Map<number, { hard: readonly number[]; soft: readonly number[] }>;
  /** Undefined: where its vcpus may run. */
  nodes: readonly number[] | undefined;
  readonly hvmParams: Map<HvmParam, bigint>;
  tsc: { mode: TscMode; sinceMs: number; incarnation: number };
  timeOffsetSeconds: number;
  isDebugged: boolean;
  target: DomainRecord | undefined;
  pod: { cachePages: number; entryPages: number };
  share: { weight: number; capPercent: number };
  hardware: HardwareRights | undefined;
  guest: BuiltGuest | undefined;
}

const DEFAULT_MAX_EVTCHN_PORT = 1023;
const DEFAULT_WEIGHT = 256;

/** A domain as it is right after its creation. */
export function newDomain(
  spec: Omit<DomainCreateSpec, 'domid'>,
  made: {
    readonly domid: number;
    readonly nowMs: number;
    readonly frame: bigint;
    readonly cpupoolId: number;
  },
): DomainRecord {
  const { domid, nowMs, frame, cpupoolId } = made;
  return {
    domid,
    uuid: spec.uuid,
    guestType: spec.guestType,
    maxVcpus: spec.maxVcpus,
    ssidref: spec.ssidref ?? 0,
    hasIommu: spec.iommu === true,
    sharedInfoFrame: frame,
    ports: new EventPorts(domid, spec.maxEvtchnPort ?? DEFAULT_MAX_EVTCHN_PORT),
    memory: new GuestMemory(),
    cpupoolId,
    overheadPages: 0,
    pagingPoolPages: 0,
    pages: 0,
    pagesByNode: [],
    maxPages: 0,
    outstandingPages: 0,
    pauseCount: 1,
    onlineVcpuCount: 0,
    isIdle: false,
    isDying: false,
    hasRun: false,
    holderCount: 0,
    shutdownReason: undefined,
    cpuTimeNs: 0n,
    affinities: new Map(),
    nodes: undefined,
    hvmParams: new Map(),
    tsc: { mode: 'default', sinceMs: nowMs, incarnation: 1 },
    timeOffsetSeconds: 0,
    isDebugged: false,
    target: undefined,
    pod: { cachePages: 0, entryPages: 0 },
    share: { weight: DEFAULT_WEIGHT, capPercent: 0 },
    hardware: undefined,
    guest: undefined,
  };
}

/** Whether the guest's vcpus may run. */
export function isRunnable(domain: DomainRecord): boolean {
  return (
    domain.guest !== undefined &&
    domain.pauseCount === 0 &&
    domain.shutdownReason === undefined &&
    domain.hvmParams.get('acpi-s-state') !== 3n &&
    !domain.isDying
  );
}

/** Whether its vcpus that are online run, or would, were it their turn. */
export function isBusy(domain: DomainRecord): boolean {
  return (
    domain.onlineVcpuCount > 0 &&
    !domain.isIdle &&
    domain.pauseCount === 0 &&
    domain.shutdownReason === undefined
  );
}

/** Whether the domain is a hardware container, which Xen calls HVM. */
export function isContainer({ guestType }: Pick<DomainRecord, 'guestType'>): boolean {
  return guestType !== 'pv';
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
    running: isBusy(domain),
    ...(domain.shutdownReason === undefined ? {} : { shutdownReason: domain.shutdownReason }),
    memoryKib: kibFromPages(domain.pages),
    maxMemoryKib: kibFromPages(domain.maxPages),
    outstandingKib: kibFromPages(domain.outstandingPages),
    sharedInfoFrame: domain.sharedInfoFrame,
    cpuTimeNs: domain.cpuTimeNs,
    onlineVcpuCount: domain.onlineVcpuCount,
    maxVcpuId: domain.maxVcpus - 1,
    ssidref: domain.ssidref,
    cpupoolId: domain.cpupoolId,
  };
}
