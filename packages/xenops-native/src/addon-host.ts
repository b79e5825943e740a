/** The addon's calls about the host (cpp/host_control.cc, cpp/cpupools.cc, cpp/flask.cc). */
import type { CpuTopology } from '@xenops/core/hypervisor';
import type { AddonOperation, XcInterface } from './addon-types.ts';

export interface AddonNumaNode {
  readonly node: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly distances: readonly number[];
}

/** `xen_domctl_sched_credit` and `xen_domctl_sched_credit2`, which are alike. */
export interface AddonShare {
  readonly weight: number;
  readonly capPercent: number;
}

export interface AddonCpupool {
  readonly cpupoolId: number;
  /** `XEN_SCHEDULER_*`. */
  readonly scheduler: number;
  readonly domainCount: number;
  readonly cpus: readonly number[];
}

export interface AddonHost {
  /** `xc_cputopoinfo`, cpus that are online. */
  cpuTopology(xc: XcInterface): readonly CpuTopology[];
  /** `xc_numainfo`. */
  numaNodes(xc: XcInterface): readonly AddonNumaNode[];
  /** `xc_readconsolering` with clear, until it is empty. */
  clearConsoleRing(xc: XcInterface): Uint8Array;
  /** `xc_send_debug_keys`. */
  startSendDebugKeys(xc: XcInterface, keys: string): AddonOperation<void>;
  /** `xc_watchdog`: the id of a new one, else 0. Id 0 with 0 seconds makes one that runs out at once. */
  watchdog(xc: XcInterface, id: number, timeoutSeconds: number): number;

  /** `xc_sched_id`: a number `XEN_SCHEDULER_*`. */
  scheduler(xc: XcInterface): number;
  /** `xc_sched_credit_domain_get`. */
  creditShare(xc: XcInterface, domid: number): AddonShare;
  /** `xc_sched_credit_domain_set`. */
  setCreditShare(xc: XcInterface, domid: number, weight: number, capPercent: number): void;
  /** `xc_sched_credit2_domain_get`. */
  credit2Share(xc: XcInterface, domid: number): AddonShare;
  /** `xc_sched_credit2_domain_set`. */
  setCredit2Share(xc: XcInterface, domid: number, weight: number, capPercent: number): void;

  /** `xc_cpupool_getinfo`, all of them. */
  cpupools(xc: XcInterface): readonly AddonCpupool[];
  /** `xc_cpupool_create`: the id that Xen chose. */
  createCpupool(xc: XcInterface, scheduler: number): number;
  /** `xc_cpupool_destroy`. */
  destroyCpupool(xc: XcInterface, cpupoolId: number): void;
  /** `xc_cpupool_addcpu`. */
  startAddCpuToPool(xc: XcInterface, cpupoolId: number, cpu: number): AddonOperation<void>;
  /** `xc_cpupool_removecpu`. */
  startRemoveCpuFromPool(xc: XcInterface, cpupoolId: number, cpu: number): AddonOperation<void>;
  /** `xc_cpupool_movedomain`. */
  startMoveDomainToPool(xc: XcInterface, domid: number, cpupoolId: number): AddonOperation<void>;

  /** `xc_flask_getenforce`. */
  flaskEnforcing(xc: XcInterface): boolean;
  /** `xc_flask_setenforce`. */
  setFlaskEnforcing(xc: XcInterface, enforcing: boolean): void;
  /** `xc_flask_context_to_sid`. */
  flaskSid(xc: XcInterface, label: string): number;
  /** `xc_flask_sid_to_context`. */
  flaskLabel(xc: XcInterface, sid: number): string;
}

export const HOST_ARITY: Readonly<Record<keyof AddonHost, number>> = {
  cpuTopology: 1,
  numaNodes: 1,
  clearConsoleRing: 1,
  startSendDebugKeys: 2,
  watchdog: 3,
  scheduler: 1,
  creditShare: 2,
  setCreditShare: 4,
  credit2Share: 2,
  setCredit2Share: 4,
  cpupools: 1,
  createCpupool: 2,
  destroyCpupool: 2,
  startAddCpuToPool: 3,
  startRemoveCpuFromPool: 3,
  startMoveDomainToPool: 3,
  flaskEnforcing: 1,
  setFlaskEnforcing: 2,
  flaskSid: 2,
  flaskLabel: 2,
};
