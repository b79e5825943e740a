/**
 * What the model's verbs share: the machine, its memory, the domains, Xen's console, and who wants to know of changes.
 * It runs nothing: who plays the guests is told when one may run. State lives in memory.
 */
import type { Clock } from '@xenops/core/host';
import type { DomainCreateSpec, ShutdownReason, Trigger } from '@xenops/core/hypervisor';
import { vmUuid } from '@xenops/core/ids';
import { pagesFromKibUp } from '@xenops/core/units';
import type { Machine } from '../description/machine.ts';
import { callFailure, type CallPlace, type ErrnoName } from './call-failure.ts';
import { ConsoleRing } from './console-ring.ts';
import { newDomain, type DomainRecord } from './domain-record.ts';
import { MemoryPool } from './memory-pool.ts';

/** What the rest of the host wants to know at once. */
export interface HypervisorListener {
  /** A domain has shut down or gone (VIRQ_DOM_EXC). */
  domainException?(): void;
  /** A guest may run now, or no longer. */
  runnableChanged?(domain: DomainRecord): void;
  /** A domain that had shut down has been brought back. */
  resumed?(domain: DomainRecord, how: { readonly isCooperative: boolean }): void;
  /** Somebody pressed a button of a hardware container. */
  triggered?(domain: DomainRecord, trigger: Trigger): void;
  /** The domain is being destroyed. */
  removed?(domain: DomainRecord): void;
}

const NIL_UUID = vmUuid('00000000-0000-0000-0000-000000000000');
/** What Dom0 has used when the host is up. */
const DOM0_BOOT_CPU_TIME_NS = 10_000_000_000n;

export class XenState implements Disposable {
  readonly clock: Clock;
  readonly machine: Machine;
  readonly memory: MemoryPool;
  readonly domains: Map<number, DomainRecord> = new Map<number, DomainRecord>();
  readonly console: ConsoleRing = new ConsoleRing();
  readonly startMs: number;
  readonly #listeners = new Set<HypervisorListener>();
  readonly #atEnd: (() => void)[] = [];
  #nextFrame = 0x10_0000n;

  constructor(clock: Clock, machine: Machine) {
    this.clock = clock;
    this.machine = machine;
    this.startMs = clock.nowMs();
    this.memory = new MemoryPool({
      nodesKib: machine.nodes.map(({ memoryKib }) => memoryKib),
      clock,
      scrubPagesPerSecond:
        machine.scrubKibPerSecond === undefined ? undefined : machine.scrubKibPerSecond / 4,
    });
    this.#bootDom0();
  }

  get dom0(): DomainRecord {
    return this.get(0, 'xc_domain_getinfolist');
  }

  /** Tells of changes until the result is disposed. */
  listen(listener: HypervisorListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Does this when the model is no longer needed. */
  atEnd(end: () => void): void {
    this.#atEnd.push(end);
  }

  [Symbol.dispose](): void {
    for (const end of this.#atEnd.splice(0)) end();
  }

  /** The domain. Throws HYPERVISOR_NO_DOMAIN. */
  get(domid: number, call: string): DomainRecord {
    const domain = this.domains.get(domid);
    if (domain !== undefined) return domain;
    throw callFailure({ call, errno: 'ESRCH', message: `There is no domain ${domid}`, domid });
  }

  /** The domain, which is not the caller's own. Throws HYPERVISOR_NO_DOMAIN, or HYPERVISOR_BAD_ARGUMENT for Dom0. */
  getOther(domid: number, call: string, deed: string): DomainRecord {
    const domain = this.get(domid, call);
    if (domid === 0) refuse({ call, domid }, 'EINVAL', `Dom0 cannot ${deed} itself`);
    return domain;
  }

  /** Registers a domain. */
  add(domid: number, spec: Omit<DomainCreateSpec, 'domid'>, cpupoolId: number): DomainRecord {
    const nowMs = this.clock.nowMs();
    const domain = newDomain(spec, { domid, nowMs, frame: this.takeFrames(1), cpupoolId });
    this.domains.set(domid, domain);
    return domain;
  }

  /** Machine frames that nobody else has; the first of them. */
  takeFrames(count: number): bigint {
    const first = this.#nextFrame;
    this.#nextFrame += BigInt(count);
    return first;
  }

  /** Takes a domain out of the list once nobody holds it any more. */
  forgetIfFree(domain: DomainRecord): void {
    if (!domain.isDying || domain.holderCount > 0) return;
    if (this.domains.get(domain.domid) !== domain) return;
    this.domains.delete(domain.domid);
    if (domain.target !== undefined) this.letGo(domain.target);
    this.tellException();
  }

  letGo(domain: DomainRecord): void {
    domain.holderCount -= 1;
    this.forgetIfFree(domain);
  }

  /** What the guest does to itself, or the toolstack to it; the first reason stays. */
  shutDown(domain: DomainRecord, reason: ShutdownReason): void {
    if (domain.shutdownReason !== undefined || domain.isDying) return;
    domain.shutdownReason = reason;
    this.console.print(`Domain ${domain.domid} shut down: ${reason}`);
    this.tellRunnable(domain);
    this.tellException();
  }

  tellRunnable(domain: DomainRecord): void {
    for (const listener of this.#listeners) listener.runnableChanged?.(domain);
  }

  tellResumed(domain: DomainRecord, how: { readonly isCooperative: boolean }): void {
    for (const listener of this.#listeners) listener.resumed?.(domain, how);
  }

  tellTriggered(domain: DomainRecord, trigger: Trigger): void {
    for (const listener of this.#listeners) listener.triggered?.(domain, trigger);
  }

  tellRemoved(domain: DomainRecord): void {
    for (const listener of this.#listeners) listener.removed?.(domain);
  }

  tellException(): void {
    for (const listener of this.#listeners) listener.domainException?.();
  }

  #bootDom0(): void {
    const { machine } = this;
    const cpuCount = machine.cpus.length;
    const spec = { uuid: NIL_UUID, guestType: 'pv', maxVcpus: cpuCount, ssidref: 1 } as const;
    const dom0 = this.add(0, { ...spec, maxEvtchnPort: 4095 }, 0);
    dom0.pages = Math.min(pagesFromKibUp(machine.dom0MemoryKib), this.memory.freePages);
    dom0.pagesByNode = this.memory.take(dom0.pages);
    dom0.maxPages = Infinity;
    dom0.onlineVcpuCount = cpuCount;
    dom0.pauseCount = 0;
    dom0.hasRun = true;
    dom0.cpuTimeNs = DOM0_BOOT_CPU_TIME_NS;
    const { memoryKib } = machine;
    this.console.print('A simulated Xen: nothing is executed, guests are scripts');
    this.console.print(`System RAM: ${Math.floor(memoryKib / 1024)}MB (${memoryKib}kB)`);
    this.console.print(`Brought up ${cpuCount} CPUs`);
  }
}

/** Throws the failure of a call. */
export function refuse(place: CallPlace, errno: ErrnoName, message: string): never {
  throw callFailure({ ...place, errno, message });
}
