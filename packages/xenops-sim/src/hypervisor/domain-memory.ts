/** Pages from the host to a domain and back, with claims and limits as Xen counts them. */
import { kibFromPages } from '@xenops/core/units';
import { refuse, type XenState } from './xen-state.ts';
import type { DomainRecord } from './domain-record.ts';

/** Pages that libxenguest takes at once; what does not fit is what remains when memory runs out. */
const SUPERPAGE_PAGES = 512;

/** Pages that the host could still give this domain: free ones, and those that it has claimed itself. */
function availablePages(xen: XenState, domain: DomainRecord): number {
  return xen.memory.freePages + domain.outstandingPages;
}

/** Memory of Xen's own for a domain. Throws HYPERVISOR_NO_MEMORY. */
export function takeOverhead(
  xen: XenState,
  domain: DomainRecord,
  pages: number,
  call: string,
): void {
  if (xen.memory.freePages < pages) {
    refuse({ call, domid: domain.domid }, 'ENOMEM', 'Xen has too little memory for this');
  }
  addPages(xen, domain, pages);
  domain.overheadPages += pages;
}

/**
 * Gives the domain memory, in large pieces. Throws HYPERVISOR_NO_MEMORY when it runs out; the pieces taken so far stay
 * the domain's, as on real Xen.
 */
export function populate(xen: XenState, domain: DomainRecord, pages: number): void {
  const { domid } = domain;
  const allowed = Math.max(0, domain.maxPages - domain.pages);
  const possible = Math.min(allowed, availablePages(xen, domain));
  const wholePieces = Math.floor(possible / SUPERPAGE_PAGES) * SUPERPAGE_PAGES;
  grow(xen, domain, possible >= pages ? pages : wholePieces);
  if (possible >= pages) return;
  const [what, availableKib] =
    allowed < pages
      ? [`the limit of domain ${domid} allows`, kibFromPages(allowed)]
      : ['the host has', kibFromPages(possible)];
  refuse(
    { call: 'xc_domain_populate_physmap_exact', domid },
    'ENOMEM',
    `Domain ${domid} needs ${kibFromPages(pages)} KiB but ${what} ${availableKib} KiB`,
  );
}

/** What a balloon driver can get: as many of these pages as limit and host allow. Says how many. */
export function populateUpTo(xen: XenState, domain: DomainRecord, pages: number): number {
  const allowed = Math.max(0, domain.maxPages - domain.pages);
  const got = Math.min(pages, allowed, availablePages(xen, domain));
  grow(xen, domain, got);
  return got;
}

/** Takes pages of the domain back. */
export function giveBack(xen: XenState, domain: DomainRecord, pages: number): void {
  domain.pages -= pages;
  removePages(xen, domain, pages);
}

/** Takes back a part of what Xen has for the domain. */
export function giveBackOverhead(xen: XenState, domain: DomainRecord, pages: number): void {
  domain.overheadPages -= pages;
  removePages(xen, domain, pages);
}

/** Takes back everything. */
export function giveBackAll(xen: XenState, domain: DomainRecord): void {
  xen.memory.claim(-domain.outstandingPages);
  xen.memory.giveBack(domain.pagesByNode);
  Object.assign(domain, { pagesByNode: [], pages: 0, overheadPages: 0, outstandingPages: 0 });
}

function grow(xen: XenState, domain: DomainRecord, pages: number): void {
  const ofClaim = Math.min(pages, domain.outstandingPages);
  domain.outstandingPages -= ofClaim;
  xen.memory.claim(-ofClaim);
  addPages(xen, domain, pages);
  domain.pages += pages;
}

function addPages(xen: XenState, domain: DomainRecord, pages: number): void {
  const taken = xen.memory.take(pages, domain.nodes);
  domain.pagesByNode = taken.map((count, node) => count + (domain.pagesByNode[node] ?? 0));
}

function removePages(xen: XenState, domain: DomainRecord, pages: number): void {
  let left = pages;
  const back = domain.pagesByNode.map((count) => {
    const part = Math.min(left, count);
    left -= part;
    return part;
  });
  domain.pagesByNode = domain.pagesByNode.map((count, node) => count - (back[node] ?? 0));
  xen.memory.giveBack(back);
}
