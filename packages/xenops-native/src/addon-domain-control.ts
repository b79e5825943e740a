/** The addon's calls about how an existing domain runs, and about its memory (cpp/domain_control.cc, cpp/dump_core.cc). */
import type { PodInfo } from '@xenops/core/hypervisor';
import type { AddonOperation, XcInterface } from './addon-types.ts';

export interface AddonTscInfo {
  /** `XEN_CPUID_TSC_MODE_*`. */
  readonly mode: number;
  readonly elapsedNs: bigint;
  readonly tscKhz: number;
  readonly incarnation: number;
}

export interface AddonDomainControl {
  /** `xc_domain_resume`; EINVAL unless the domain has shut down for suspend. */
  startResumeDomain(xc: XcInterface, domid: number, cooperative: boolean): AddonOperation<void>;
  /** `xc_domain_soft_reset`. */
  startSoftReset(xc: XcInterface, domid: number): AddonOperation<void>;
  /** `xc_domain_send_trigger` with a number `XEN_DOMCTL_SENDTRIGGER_*`. */
  sendTrigger(xc: XcInterface, domid: number, trigger: number, vcpu: number): void;
  /** `xc_hvm_param_get` of a number `HVM_PARAM_*`. */
  hvmParam(xc: XcInterface, domid: number, param: number): bigint;
  /** `xc_hvm_param_set`. */
  setHvmParam(xc: XcInterface, domid: number, param: number, value: bigint): void;
  /** `xc_domain_get_tsc_info`. */
  tscInfo(xc: XcInterface, domid: number): AddonTscInfo;
  /** `xc_domain_set_tsc_info` with a number `XEN_CPUID_TSC_MODE_*`. */
  setTscMode(xc: XcInterface, domid: number, mode: number): void;
  /** `xc_domain_set_time_offset`. */
  setTimeOffset(xc: XcInterface, domid: number, offsetSeconds: number): void;
  /** `xc_domain_setdebugging`. */
  setDebugging(xc: XcInterface, domid: number, enabled: boolean): void;
  /** `xc_domain_set_target`. */
  setTarget(xc: XcInterface, domid: number, target: number): void;
  /** `xc_domain_dumpcore_via_callback` into a new file. Abort ends it at the next piece; then, and after a failure, the file is gone. */
  startDumpCore(xc: XcInterface, domid: number, filePath: string): AddonOperation<void>;

  /** `xc_get_paging_mempool_size`. */
  pagingPoolBytes(xc: XcInterface, domid: number): number;
  /** `xc_set_paging_mempool_size`. */
  startSetPagingPool(xc: XcInterface, domid: number, poolKib: number): AddonOperation<void>;
  /** `xc_domain_claim_pages`. */
  claimPages(xc: XcInterface, domid: number, pages: number): void;
  /** `xc_domain_get_pod_target`. */
  podInfo(xc: XcInterface, domid: number): PodInfo;
  /** `xc_domain_set_pod_target`. */
  startSetPodTarget(xc: XcInterface, domid: number, targetPages: number): AddonOperation<void>;
  /** `xc_domain_maximum_gpfn`. */
  highestGuestFrame(xc: XcInterface, domid: number): bigint;
}

export const DOMAIN_CONTROL_ARITY: Readonly<Record<keyof AddonDomainControl, number>> = {
  startResumeDomain: 3,
  startSoftReset: 2,
  sendTrigger: 4,
  hvmParam: 3,
  setHvmParam: 4,
  tscInfo: 2,
  setTscMode: 3,
  setTimeOffset: 3,
  setDebugging: 3,
  setTarget: 3,
  startDumpCore: 3,
  pagingPoolBytes: 2,
  startSetPagingPool: 3,
  claimPages: 3,
  podInfo: 2,
  startSetPodTarget: 3,
  highestGuestFrame: 2,
};
