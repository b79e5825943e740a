/** What stands between a domain and a PV guest in it: what can be built, and the memory for it. */
import type { PvBuildSpec } from '@xenops/core/hypervisor';
import { KIB_PER_MIB, kibFromPages } from '@xenops/core/units';
import { callFailure } from './call-failure.ts';
import type { DomainRecord } from './domain-record.ts';
import { isWhole } from './is-whole.ts';
import type { MemoryPool } from './memory-pool.ts';

/** Longest command line of a PV guest, with its terminator (MAX_GUEST_CMDLINE, xen/include/public/xen.h). */
const CMDLINE_BYTES = 1024;
/** Page tables, rings and the start info page besides the images: what a PV guest needs to be built at all. */
const BUILD_OVERHEAD_KIB = 4096;
/** Pages that libxenguest takes at once; what does not fit is what remains when memory runs out. */
const SUPERPAGE_PAGES = 512;

/** Throws HYPERVISOR_BAD_ARGUMENT when this guest cannot be built in this domain. */
export function checkPvBuild(domain: DomainRecord, spec: PvBuildSpec): void {
  const { domid } = domain;
  const refuse = (message: string): never => {
    throw callFailure({ call: 'xc_dom_boot_mem_init', errno: 'EINVAL', message, domid });
  };
  if (domid === 0) refuse('Dom0 cannot be built');
  if (domain.guestType !== 'pv') refuse(`Domain ${domid} is no PV domain`);
  if (domain.guest !== undefined) refuse(`Domain ${domid} has been built already`);
  if (!isWhole(spec.memoryKib / KIB_PER_MIB, 1, Number.MAX_SAFE_INTEGER)) {
    refuse(`A guest is built with whole MiB of memory, not with ${spec.memoryKib} KiB`);
  }
  if (Buffer.byteLength(spec.cmdline) >= CMDLINE_BYTES) {
    refuse(`A guest's command line is shorter than ${CMDLINE_BYTES} bytes`);
  }
}

/** Throws HYPERVISOR_NO_MEMORY when the guest would not have room for its images. */
export function checkPvMemory(
  { domid }: DomainRecord,
  { memoryKib, imageKib }: { readonly memoryKib: number; readonly imageKib: number },
): void {
  const neededKib = imageKib + BUILD_OVERHEAD_KIB;
  if (memoryKib >= neededKib) return;
  const message = `Domain ${domid} needs ${neededKib} KiB for its images and tables, not ${memoryKib}`;
  throw callFailure({ call: 'xc_dom_boot_image', errno: 'ENOMEM', message, domid });
}

/**
 * Gives the domain memory, in large pieces. Throws HYPERVISOR_NO_MEMORY when it runs out; the pieces taken so far stay
 * the domain's, as on real Xen.
 */
export function populate(domain: DomainRecord, memory: MemoryPool, pages: number): void {
  const { domid } = domain;
  const allowed = Math.max(0, domain.maxPages - domain.pages);
  const possible = Math.min(allowed, memory.freePages);
  const wholePieces = Math.floor(possible / SUPERPAGE_PAGES) * SUPERPAGE_PAGES;
  domain.pages += memory.takeUpTo(possible >= pages ? pages : wholePieces);
  if (possible >= pages) return;
  const [what, availableKib] =
    allowed < pages
      ? [`the limit of domain ${domid} allows`, kibFromPages(allowed)]
      : ['the host has', kibFromPages(possible)];
  throw callFailure({
    call: 'xc_domain_populate_physmap_exact',
    errno: 'ENOMEM',
    message: `Domain ${domid} needs ${kibFromPages(pages)} KiB but ${what} ${availableKib} KiB`,
    domid,
  });
}
