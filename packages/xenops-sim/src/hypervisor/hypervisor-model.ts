/**
 * A model of Xen: domains with their states, memory by the page, event channels by the port. It runs nothing; who plays
 * the guests is told when one may run. Verbs and refusals are those of the real hypervisor as `Hypervisor` asks for
 * them. State lives in memory.
 */
import type { Clock } from '@xenops/core/host';
import type {
  DomainCreateSpec,
  DomainInfo,
  LongCallOptions,
  PcpuInfo,
  PhysInfo,
  PvBuildSpec,
  BuildResult,
  ShutdownReason,
} from '@xenops/core/hypervisor';
import {
  domid as toDomid,
  evtchn,
  vmUuid,
  type Domid,
  type Evtchn,
  type VmUuid,
} from '@xenops/core/ids';
import { throwIfAborted } from '@xenops/core/lifetime';
import { kibFromPages, pagesFromKibDown, pagesFromKibUp } from '@xenops/core/units';
import { callFailure } from './call-failure.ts';
import { ConsoleRing } from './console-ring.ts';
import { domainInfo, type DomainRecord } from './domain-record.ts';
import { DomidAllocator } from './domid-allocator.ts';
import { EventPorts } from './event-ports.ts';
import { isWhole } from './is-whole.ts';
import { MemoryPool } from './memory-pool.ts';
import { checkPvBuild, checkPvMemory, populate } from './pv-build.ts';
import { loadPvImages } from './pv-images.ts';

export interface HypervisorModelOptions {
  readonly clock: Clock;
  readonly memoryKib: number;
  readonly cpuCount: number;
  readonly dom0MemoryKib: number;
}

/** What the rest of the host wants to know at once. */
export interface HypervisorListener {
  /** A domain has shut down or gone (VIRQ_DOM_EXC). */
  domainException(): void;
  /** A guest may run now, or no longer. */
  runnableChanged(domain: DomainRecord): void;
  /** The domain is gone. */
  removed(domain: DomainRecord): void;
}

/** Limits of vcpus (MAX_VIRT_CPUS is larger for PV, the interface allows 512; HVM_MAX_VCPUS). */
const MAX_VCPUS = { pv: 512, pvh: 128, hvm: 128 } as const;
const DEFAULT_MAX_EVTCHN_PORT = 1023;
/** Word of a guest's command line whose build stops half-way, with its memory taken, until it is called off. */
const HANGING_BUILD = 'sim.build=hang';
/** Pauses that one domain can have (`controller_pause_count`, xen/common/domain.c). */
const PAUSES_MAX = 255;
/** What Xen keeps for a domain, and for each of its vcpus: structures, shared info, stacks. */
const DOMAIN_OVERHEAD_PAGES = 16;
const VCPU_OVERHEAD_PAGES = 4;
const NIL_UUID = vmUuid('00000000-0000-0000-0000-000000000000');
const CPU_KHZ = 2_400_000;
/** What Dom0 has used when the host is up. */
const DOM0_BOOT_CPU_TIME_NS = 10_000_000_000n;

export class HypervisorModel {
  readonly #clock: Clock;
  readonly #cpuCount: number;
  readonly #startMs: number;
  readonly #memory: MemoryPool;
  readonly #domids = new DomidAllocator();
  readonly #domains = new Map<number, DomainRecord>();
  readonly #console = new ConsoleRing();
  readonly #listeners = new Set<HypervisorListener>();
  #nextFrame = 0x10_0000n;

  constructor({ clock, memoryKib, cpuCount, dom0MemoryKib }: HypervisorModelOptions) {
    this.#clock = clock;
    this.#cpuCount = cpuCount;
    this.#startMs = clock.nowMs();
    this.#memory = new MemoryPool(memoryKib);
    const dom0 = this.#record(0, { uuid: NIL_UUID, guestType: 'pv', maxVcpus: cpuCount });
    dom0.pages = this.#memory.takeUpTo(pagesFromKibUp(dom0MemoryKib));
    dom0.maxPages = Infinity;
    dom0.onlineVcpuCount = cpuCount;
    dom0.isIdle = false;
    dom0.pauseCount = 0;
    dom0.cpuTimeNs = DOM0_BOOT_CPU_TIME_NS;
    this.#console.print('A simulated Xen: nothing is executed, guests are scripts');
    this.#console.print(`System RAM: ${Math.floor(memoryKib / 1024)}MB (${memoryKib}kB)`);
    this.#console.print(`Brought up ${cpuCount} CPUs`);
  }

  /** Tells of changes until the result is disposed. */
  listen(listener: HypervisorListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** A domain as the model has it; for the rest of the host. */
  find(domid: number): DomainRecord | undefined {
    return this.#domains.get(domid);
  }

  get consoleText(): string {
    return this.#console.text;
  }

  physInfo(): PhysInfo {
    return {
      cpuCount: this.#cpuCount,
      threadsPerCore: 1,
      coresPerSocket: this.#cpuCount,
      nodeCount: 1,
      maxCpuId: this.#cpuCount - 1,
      maxNodeId: 0,
      cpuKhz: CPU_KHZ,
      totalMemoryKib: kibFromPages(this.#memory.totalPages),
      freeMemoryKib: kibFromPages(this.#memory.freePages),
      scrubMemoryKib: 0,
      outstandingMemoryKib: 0,
      capabilities: ['hvm', 'pv', 'hap', 'shadow', 'gnttab-v1', 'gnttab-v2'],
    };
  }

  pcpuInfo(): readonly PcpuInfo[] {
    const idleNs =
      BigInt(Math.max(0, Math.trunc(this.#clock.nowMs() - this.#startMs))) * 1_000_000n;
    return Array.from({ length: this.#cpuCount }, (_, cpu) => ({ cpu, idleNs }));
  }

  listDomains(): readonly DomainInfo[] {
    return [...this.#domains.values()]
      .sort((left, right) => left.domid - right.domid)
      .map(domainInfo);
  }

  findDomain(domid: number): DomainInfo | undefined {
    const domain = this.#domains.get(domid);
    return domain === undefined ? undefined : domainInfo(domain);
  }

  createDomain(spec: DomainCreateSpec): Domid {
    const call = 'xc_domain_create';
    const vcpusMax = MAX_VCPUS[spec.guestType];
    if (!isWhole(spec.maxVcpus, 1, vcpusMax)) {
      throw callFailure({
        call,
        errno: 'EINVAL',
        message: `A ${spec.guestType} domain has 1 to ${vcpusMax} vcpus, not ${spec.maxVcpus}`,
      });
    }
    if (spec.maxEvtchnPort !== undefined && !isWhole(spec.maxEvtchnPort, 0, 0x7fff_ffff)) {
      const message = `The highest event channel port cannot be ${spec.maxEvtchnPort}`;
      throw callFailure({ call, errno: 'EINVAL', message });
    }
    const domid = this.#chooseDomid(spec.domid);
    const overheadPages = DOMAIN_OVERHEAD_PAGES + VCPU_OVERHEAD_PAGES * spec.maxVcpus;
    if (this.#memory.freePages < overheadPages) {
      const message = 'Xen has too little memory for another domain';
      throw callFailure({ call, errno: 'ENOMEM', message, domid });
    }
    this.#memory.takeUpTo(overheadPages);
    this.#record(domid, spec, overheadPages);
    return toDomid(domid);
  }

  setHandle(domid: number, uuid: VmUuid): void {
    this.#get(domid, 'xc_domain_sethandle').uuid = uuid;
  }

  setMaxMemory(domid: number, maxMemoryKib: number): void {
    const call = 'xc_domain_setmaxmem';
    const domain = this.#get(domid, call);
    if (!isWhole(maxMemoryKib, 0, Number.MAX_SAFE_INTEGER)) {
      const message = `The memory limit of domain ${domid} cannot be ${maxMemoryKib} KiB`;
      throw callFailure({ call, errno: 'EINVAL', message, domid });
    }
    domain.maxPages = pagesFromKibDown(maxMemoryKib);
  }

  allocUnboundEvtchn(domid: number, remote: number): Evtchn {
    const call = 'xc_evtchn_alloc_unbound';
    const port = this.#get(domid, call).ports.allocateUnbound(remote);
    if (port === undefined) {
      const message = `Domain ${domid} has no event channel port left`;
      throw callFailure({ call, errno: 'ENOSPC', message, domid });
    }
    return evtchn(port);
  }

  async buildDomain(
    domid: number,
    spec: PvBuildSpec,
    { signal, onProgress = () => undefined }: LongCallOptions = {},
  ): Promise<BuildResult> {
    const what = `the build of domain ${domid}`;
    const get = (): DomainRecord => this.#get(domid, 'xc_dom_boot_xen_init');
    throwIfAborted(signal, what);
    checkPvBuild(get(), spec);
    onProgress({ stage: 'load' });
    const imageKib = await loadPvImages(domid, spec);
    throwIfAborted(signal, what);
    // The domain may have been destroyed, or built by somebody else, while the files were read.
    const domain = get();
    checkPvBuild(domain, spec);
    checkPvMemory(domain, { memoryKib: spec.memoryKib, imageKib });
    onProgress({ stage: 'populate' });
    throwIfAborted(signal, what);
    populate(domain, this.#memory, pagesFromKibUp(spec.memoryKib));
    const { cmdline, kernelPath, ramdiskPath } = spec;
    if (cmdline.split(/\s+/).includes(HANGING_BUILD)) await untilAborted(signal, what);
    onProgress({ stage: 'boot' });
    domain.guest = { cmdline, kernelPath, ramdiskPath };
    domain.onlineVcpuCount = 1;
    this.#tellRunnable(domain);
    return { storeFrame: this.#takeFrame(), consoleFrame: this.#takeFrame() };
  }

  pause(domid: number): void {
    const call = 'xc_domain_pause';
    const domain = this.#get(domid, call);
    if (domid === 0) {
      const message = 'Dom0 cannot pause itself';
      throw callFailure({ call, errno: 'EINVAL', message, domid });
    }
    if (domain.pauseCount >= PAUSES_MAX) {
      const message = `Domain ${domid} is paused ${PAUSES_MAX} times already`;
      throw callFailure({ call, errno: 'EOVERFLOW', message, domid });
    }
    domain.pauseCount += 1;
    this.#tellRunnable(domain);
  }

  unpause(domid: number): void {
    const call = 'xc_domain_unpause';
    const domain = this.#get(domid, call);
    if (domain.pauseCount === 0) {
      const message = `Domain ${domid} is not paused`;
      throw callFailure({ call, errno: 'EINVAL', message, domid });
    }
    domain.pauseCount -= 1;
    this.#tellRunnable(domain);
  }

  /** What the guest does to itself, or the toolstack to it; the first reason stays. */
  shutdown(domid: number, reason: ShutdownReason): void {
    const call = 'xc_domain_shutdown';
    const domain = this.#get(domid, call);
    if (domid === 0) {
      const message = 'Dom0 cannot shut itself down by this call';
      throw callFailure({ call, errno: 'EINVAL', message, domid });
    }
    if (domain.shutdownReason !== undefined) return;
    domain.shutdownReason = reason;
    this.#console.print(`Domain ${domid} shut down: ${reason}`);
    this.#tellRunnable(domain);
    for (const listener of this.#listeners) listener.domainException();
  }

  async destroy(domid: number, { signal, onProgress }: LongCallOptions = {}): Promise<void> {
    throwIfAborted(signal, `the destruction of domain ${domid}`);
    const call = 'xc_domain_destroy';
    const domain = this.#get(domid, call);
    if (domid === 0) {
      const message = 'Dom0 cannot destroy itself';
      throw callFailure({ call, errno: 'EINVAL', message, domid });
    }
    onProgress?.({ stage: 'relinquish' });
    domain.isDying = true;
    this.#memory.giveBack(domain.pages + domain.overheadPages);
    this.#domains.delete(domid);
    for (const listener of this.#listeners) listener.removed(domain);
    for (const listener of this.#listeners) listener.domainException();
  }

  /** The guest has brought up its vcpus and waits for events. */
  becomeIdle(domain: DomainRecord, cpuTimeNs: bigint): void {
    domain.onlineVcpuCount = domain.maxVcpus;
    domain.isIdle = true;
    domain.cpuTimeNs += cpuTimeNs;
  }

  #get(domid: number, call: string): DomainRecord {
    const domain = this.#domains.get(domid);
    if (domain === undefined) {
      throw callFailure({ call, errno: 'ESRCH', message: `There is no domain ${domid}`, domid });
    }
    return domain;
  }

  #chooseDomid(wanted: number | undefined): number {
    const call = 'xc_domain_create';
    const isUsed = (domid: number): boolean => this.#domains.has(domid);
    if (wanted === 0) {
      const message = 'Domid 0 is Dom0, no other domain can have it';
      throw callFailure({ call, errno: 'EINVAL', message, domid: wanted });
    }
    if (wanted !== undefined) {
      if (!isUsed(wanted)) return wanted;
      const message = `Domain ${wanted} exists already`;
      throw callFailure({ call, errno: 'EEXIST', message, domid: wanted });
    }
    const domid = this.#domids.next(isUsed);
    if (domid !== undefined) return domid;
    throw callFailure({ call, errno: 'ENOMEM', message: 'All domids are in use' });
  }

  #record(
    domid: number,
    spec: Pick<
      DomainCreateSpec,
      'uuid' | 'guestType' | 'maxVcpus' | 'ssidref' | 'cpupoolId' | 'maxEvtchnPort'
    >,
    overheadPages = 0,
  ): DomainRecord {
    const domain: DomainRecord = {
      domid,
      uuid: spec.uuid,
      guestType: spec.guestType,
      maxVcpus: spec.maxVcpus,
      ssidref: spec.ssidref ?? 0,
      cpupoolId: spec.cpupoolId ?? 0,
      sharedInfoFrame: this.#takeFrame(),
      ports: new EventPorts(spec.maxEvtchnPort ?? DEFAULT_MAX_EVTCHN_PORT),
      overheadPages,
      pages: 0,
      maxPages: 0,
      pauseCount: 1,
      onlineVcpuCount: 0,
      isIdle: false,
      isDying: false,
      shutdownReason: undefined,
      cpuTimeNs: 0n,
      guest: undefined,
    };
    this.#domains.set(domid, domain);
    return domain;
  }

  #takeFrame(): bigint {
    this.#nextFrame += 1n;
    return this.#nextFrame;
  }

  #tellRunnable(domain: DomainRecord): void {
    for (const listener of this.#listeners) listener.runnableChanged(domain);
  }
}

/** Comes back only by throwing, when the signal fires; without one, never. */
async function untilAborted(signal: AbortSignal | undefined, what: string): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  throwIfAborted(signal, what);
}
