/** Verbs about the memory of a domain beyond its limit: paging pool, claims, populate-on-demand. */
import type { MemoryControl } from '@xenops/core/hypervisor';
import { kibFromPages, pagesFromKibDown, pagesFromKibUp } from '@xenops/core/units';
import { checkWhole } from './call-failure.ts';
import { giveBackOverhead, populate, takeOverhead } from './domain-memory.ts';
import { isContainer, type DomainRecord } from './domain-record.ts';
import { refuse, type XenState } from './xen-state.ts';

/** Special pages of a hardware container end below this frame (xg_hvm_build, `X86_HVM_END_SPECIAL_REGION`). */
const CONTAINER_TOP_FRAME = 0xf_efffn;
const KIB_MAX = 2 ** 44;
/** Page tables that a hardware container has from its start, and another one for each vcpu, in its paging pool. */
const TABLE_PAGES = 4;

export function memoryVerbs(xen: XenState): MemoryControl {
  return {
    pagingPoolKib(domid) {
      const domain = withPool(xen, domid, 'xc_get_paging_mempool_size');
      return kibFromPages(domain.pagingPoolPages);
    },
    setPagingPool(domid, poolKib) {
      const call = 'xc_set_paging_mempool_size';
      const domain = withPool(xen, domid, call);
      checkWhole(poolKib / 4, { min: 0, max: KIB_MAX, what: 'A pool in pages' }, { call, domid });
      const wanted = pagesFromKibDown(poolKib);
      const least = TABLE_PAGES + domain.maxVcpus;
      const more = Math.max(wanted, least) - domain.pagingPoolPages;
      if (more > 0) takeOverhead(xen, domain, more, call);
      else giveBackOverhead(xen, domain, -more);
      domain.pagingPoolPages += more;
      if (wanted < least) {
        const message = `The page tables of domain ${domid} need ${kibFromPages(least)} KiB of its pool`;
        refuse({ call, domid }, 'ENOMEM', message);
      }
    },
    claimMemory: (domid, memoryKib) => claimMemory(xen, domid, memoryKib),
    podInfo(domid) {
      const domain = containerOf(xen, domid, 'xc_domain_get_pod_target');
      return { totalPages: domain.pages, ...domain.pod };
    },
    setPodTarget: (domid, targetKib) => setPodTarget(xen, domid, targetKib),
    highestGuestFrame(domid) {
      const domain = xen.get(domid, 'xc_domain_maximum_gpfn');
      // A PV guest tells it itself, by its map of frames.
      if (!isContainer(domain)) return domain.isIdle ? BigInt(Math.max(1, domain.pages) - 1) : 0n;
      return domain.guest === undefined ? 0n : CONTAINER_TOP_FRAME;
    },
  };
}

/** `domain_set_outstanding_pages` (xen/common/page_alloc.c). */
function claimMemory(xen: XenState, domid: number, memoryKib: number): void {
  const call = 'xc_domain_claim_pages';
  const domain = xen.get(domid, call);
  checkWhole(memoryKib, { min: 0, max: KIB_MAX, what: 'A claim in KiB' }, { call, domid });
  const pages = pagesFromKibUp(memoryKib);
  if (pages === 0) {
    xen.memory.claim(-domain.outstandingPages);
    domain.outstandingPages = 0;
    return;
  }
  if (domain.outstandingPages > 0) {
    refuse({ call, domid }, 'EINVAL', `Domain ${domid} has a claim already`);
  }
  if (pages <= domain.pages || pages > domain.maxPages) {
    const message = `A claim of domain ${domid} is more than it has and at most its limit`;
    refuse({ call, domid }, 'EINVAL', message);
  }
  const missing = pages - domain.pages;
  if (missing > xen.memory.freePages) {
    refuse({ call, domid }, 'ENOMEM', `The host has too little memory to claim ${memoryKib} KiB`);
  }
  domain.outstandingPages = missing;
  xen.memory.claim(missing);
}

/** `p2m_pod_set_mem_target` (xen/arch/x86/mm/p2m-pod.c). */
function setPodTarget(xen: XenState, domid: number, targetKib: number): void {
  const call = 'xc_domain_set_pod_target';
  const domain = containerOf(xen, domid, call);
  checkWhole(targetKib, { min: 0, max: KIB_MAX, what: 'A target in KiB' }, { call, domid });
  const target = pagesFromKibDown(targetKib);
  if (target > domain.maxPages) {
    refuse({ call, domid }, 'EINVAL', `The limit of domain ${domid} is below ${targetKib} KiB`);
  }
  const { pod } = domain;
  const populated = domain.pages - pod.cachePages;
  if (populated > 0 && pod.entryPages === 0) return;
  if (target < domain.pages) return;
  const wanted = target - populated;
  const cachePages = populated > 0 ? Math.min(wanted, pod.entryPages) : wanted;
  const more = cachePages - pod.cachePages;
  if (more > 0) populate(xen, domain, more);
  pod.cachePages = Math.max(cachePages, pod.cachePages);
}

function withPool(xen: XenState, domid: number, call: string): DomainRecord {
  const domain = xen.get(domid, call);
  if (isContainer(domain)) return domain;
  return refuse({ call, domid }, 'EOPNOTSUPP', `Domain ${domid} has no paging pool`);
}

function containerOf(xen: XenState, domid: number, call: string): DomainRecord {
  const domain = xen.get(domid, call);
  if (isContainer(domain)) return domain;
  return refuse({ call, domid }, 'EINVAL', `Domain ${domid} is no hardware container`);
}
