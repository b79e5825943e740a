/** Verbs about the memory of a domain beyond its limit. */
import type { Domid } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';

/** `xc_domain_get_pod_target`. */
export interface PodInfo {
  readonly totalPages: number;
  /** Pages held in the cache for entries that the guest touches. */
  readonly cachePages: number;
  /** Entries not backed by memory yet. */
  readonly entryPages: number;
}

export interface MemoryControl {
  /** Memory Xen may use for the domain's shadow or nested page tables (`xc_get_paging_mempool_size`). HYPERVISOR_NOT_SUPPORTED for a PV domain. */
  pagingPoolKib(domid: Domid): Awaitable<number>;
  /** Whole pages. HYPERVISOR_NO_MEMORY when the host has too few, or when fewer than are in use are asked for; it is then as small as it can be. */
  setPagingPool(domid: Domid, poolKib: number): Awaitable<void>;
  /**
   * Sets memory aside for the domain, until it has that much altogether (`xc_domain_claim_pages`); 0 drops the claim. Fails with
   * HYPERVISOR_NO_MEMORY when the host has less that is free and unclaimed, with HYPERVISOR_BAD_ARGUMENT beyond the domain's own limit or while
   * it has a claim.
   */
  claimMemory(domid: Domid, memoryKib: number): Awaitable<void>;
  /** Populate-on-demand; hardware containers only. */
  podInfo(domid: Domid): Awaitable<PodInfo>;
  setPodTarget(domid: Domid, targetKib: number): Awaitable<void>;
  /** Highest guest frame in use (`xc_domain_maximum_gpfn`). */
  highestGuestFrame(domid: Domid): Awaitable<bigint>;
}
