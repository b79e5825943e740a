/**
 * What a domain will take of the host's memory (libxl 4.17, `libxl_domain_need_memory` and `libxl__build_pre`). Pure.
 * A PV domain gets no paging pool here: only a guest under migration or an L1TF work-around would use one.
 */
import { kibFromMib, roundKibUpToMib } from '../units.ts';

/** What Xen's limit allows above the target: frames the builder and the guest's grant table need. */
export const MAX_MEMORY_SLACK_KIB = 1024;
/** What Xen needs for its own structures of a PV domain, as libxl estimates it. */
export const PV_EXTRA_KIB = 1024;
/** libxl rounds what a start needs up to whole superpages. */
const NEED_UNIT_KIB = kibFromMib(2);
/** Least memory a PV guest is built with; below, no kernel of today fits beside its page tables. */
export const BUILD_MEMORY_MIN_KIB: number = kibFromMib(1);

/** Memory of a PV domain: its limit in Xen and what the host must have free. */
export interface PvFootprint {
  /** What the guest gets, rounded up to whole MiB, the unit of the builder. */
  readonly targetKib: number;
  readonly maxMemoryKib: number;
  readonly neededKib: number;
}

/** The footprint of a PV domain with this target. */
export function pvFootprint(requestedKib: number): PvFootprint {
  const targetKib = roundKibUpToMib(requestedKib);
  return {
    targetKib,
    maxMemoryKib: targetKib + MAX_MEMORY_SLACK_KIB,
    neededKib: Math.ceil((targetKib + PV_EXTRA_KIB) / NEED_UNIT_KIB) * NEED_UNIT_KIB,
  };
}
