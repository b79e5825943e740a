import type { Domid, VmUuid } from '../ids.ts';
import type { SeenShutdownReason } from './shutdown-reason.ts';

/**
 * How a guest is run: `pv` paravirtual, `pvh` in a hardware container without a device model, `hvm` with one
 * (docs/man/xl.cfg, `type=`).
 */
export type GuestType = 'pv' | 'pvh' | 'hvm';

/** What Xen says about one domain at one moment (`xen_domctl_getdomaininfo`, xen/include/public/domctl.h). */
export interface DomainInfo {
  readonly domid: Domid;
  readonly uuid: VmUuid;
  readonly guestType: GuestType;
  /** Being destroyed; still listed while somebody maps its pages. */
  readonly dying: boolean;
  /** Has shut down; `shutdownReason` says why. */
  readonly shutdown: boolean;
  readonly paused: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  /** Present once `shutdown` is true. */
  readonly shutdownReason?: SeenShutdownReason;
  /** Memory the domain has now. */
  readonly memoryKib: number;
  /** Xen's limit for the domain's memory; Infinity for Dom0 without a limit. */
  readonly maxMemoryKib: number;
  /** Memory claimed but not yet allocated. */
  readonly outstandingKib: number;
  /** Frame of the shared info page. */
  readonly sharedInfoFrame: bigint;
  /** CPU time of all vcpus together. */
  readonly cpuTimeNs: bigint;
  readonly onlineVcpuCount: number;
  /** Highest vcpu number that exists; vcpus of a domain are 0 to this. -1 while it has none. */
  readonly maxVcpuId: number;
  /** FLASK security identifier. */
  readonly ssidref: number;
  readonly cpupoolId: number;
}
