/** Verbs about the host as a whole: topology, scheduler, cpupools, console, FLASK. */
import type { Domid } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';

/** Where a cpu sits (`xc_cputopoinfo`). */
export interface CpuTopology {
  readonly cpu: number;
  readonly core: number;
  readonly socket: number;
  readonly node: number;
}

/** `xc_numainfo`. */
export interface NumaNode {
  readonly node: number;
  readonly totalMemoryKib: number;
  readonly freeMemoryKib: number;
  /** To each node by number; 10 is local. */
  readonly distances: readonly number[];
}

/** Xen's numbers of schedulers (`XEN_SCHEDULER_*`). */
export const SCHEDULERS = { credit: 5, credit2: 6, arinc653: 7, rtds: 8, null: 9 } as const;
export type Scheduler = keyof typeof SCHEDULERS;
export type SeenScheduler = Scheduler | `unknown-${number}`;

/** Share of a domain under credit and credit2. */
export interface SchedulerShare {
  readonly scheduler: 'credit' | 'credit2';
  /** 1 to 65535; 256 unless changed. */
  readonly weight: number;
  /** Upper limit in percent of one cpu; 0 is none. */
  readonly capPercent: number;
}

/** `xc_cpupool_getinfo`. */
export interface CpupoolInfo {
  readonly cpupoolId: number;
  readonly scheduler: SeenScheduler;
  readonly domainCount: number;
  readonly cpus: readonly number[];
}

export interface HostControl {
  /** One entry for each cpu that is online. */
  cpuTopology(): Awaitable<readonly CpuTopology[]>;
  numaNodes(): Awaitable<readonly NumaNode[]>;
  /** Empties Xen's console ring and tells what was in it (`xc_readconsolering` with clear). */
  clearConsoleRing(): Awaitable<string>;
  /** `xc_send_debug_keys`: each character is a key; what they say goes to Xen's console. */
  sendDebugKeys(keys: string): Awaitable<void>;
  /**
   * Sets, renews or (0 seconds) ends a watchdog of the calling domain, which Xen restarts or kills when it runs out (`xc_watchdog`).
   * `id` 0 makes a new one; its id is returned. HYPERVISOR_BAD_ARGUMENT for id 0 with 0 seconds, and for an id that is not in use.
   */
  watchdog(id: number, timeoutSeconds: number): Awaitable<number>;

  /** Of the pool that cpus belong to unless moved (`xc_sched_id`). */
  scheduler(): Awaitable<SeenScheduler>;
  /** HYPERVISOR_NOT_SUPPORTED when the domain's scheduler is neither credit nor credit2. */
  schedulerShare(domid: Domid): Awaitable<SchedulerShare>;
  setSchedulerShare(
    domid: Domid,
    share: { readonly weight?: number; readonly capPercent?: number },
  ): Awaitable<void>;

  cpupools(): Awaitable<readonly CpupoolInfo[]>;
  /** An empty pool; its id. HYPERVISOR_NOT_SUPPORTED for a scheduler that this Xen was built without. */
  createCpupool(scheduler: Scheduler): Awaitable<number>;
  /** HYPERVISOR_BUSY while it has cpus or domains. */
  destroyCpupool(cpupoolId: number): Awaitable<void>;
  addCpuToPool(cpupoolId: number, cpu: number): Awaitable<void>;
  /** HYPERVISOR_BUSY for the last cpu of a pool with domains, and while a vcpu is pinned to it for a moment: then the cpu is on its way until this is called again. */
  removeCpuFromPool(cpupoolId: number, cpu: number): Awaitable<void>;
  moveDomainToPool(domid: Domid, cpupoolId: number): Awaitable<void>;

  /** HYPERVISOR_NOT_SUPPORTED where Xen was built or started without FLASK; so for the following ones. */
  flaskEnforcing(): Awaitable<boolean>;
  setFlaskEnforcing(enforcing: boolean): Awaitable<void>;
  /** The security identifier of a label such as `system_u:system_r:domU_t`. */
  flaskSid(label: string): Awaitable<number>;
  flaskLabel(sid: number): Awaitable<string>;
}
