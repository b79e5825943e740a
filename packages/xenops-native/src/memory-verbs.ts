/** The memory of a domain beyond its limit. */
import type { MemoryControl } from '@xenops/core/hypervisor';
import { BYTES_PER_KIB, pagesFromKibUp } from '@xenops/core/units';
import { onDomain, onGuest, type Connection, type Verbs } from './connection.ts';

export type MemoryVerbs = Verbs<MemoryControl, 'setPagingPool' | 'setPodTarget'>;

/** The verbs of `MemoryControl`. */
export function memoryVerbs(connection: Connection): MemoryVerbs {
  return {
    pagingPoolKib: (domid) =>
      connection.call(
        onDomain('read the paging pool of', domid),
        (xc, addon) => addon.pagingPoolBytes(xc, domid) / BYTES_PER_KIB,
      ),
    async setPagingPool(domid, poolKib) {
      await connection.run(onGuest('set the paging pool of', domid, { poolKib }), (xc, _, addon) =>
        addon.startSetPagingPool(xc, domid, poolKib),
      );
    },
    claimMemory(domid, memoryKib) {
      connection.call(onGuest('claim memory for', domid, { memoryKib }), (xc, addon) => {
        addon.claimPages(xc, domid, pagesFromWholeKib(memoryKib));
      });
    },
    podInfo: (domid) =>
      connection.call(onDomain('read the memory on demand of', domid), (xc, addon) =>
        addon.podInfo(xc, domid),
      ),
    async setPodTarget(domid, targetKib) {
      await connection.run(
        onGuest('set the memory target of', domid, { targetKib }),
        (xc, _, addon) => addon.startSetPodTarget(xc, domid, pagesFromWholeKib(targetKib)),
      );
    },
    highestGuestFrame: (domid) =>
      connection.call(onDomain('read the highest frame of', domid), (xc, addon) =>
        addon.highestGuestFrame(xc, domid),
      ),
  };
}

/** Rounding up would make pages of fractions, and none of -1. */
function pagesFromWholeKib(kib: number): number {
  if (Number.isSafeInteger(kib) && kib >= 0) return pagesFromKibUp(kib);
  throw new RangeError(`${kib} is no whole number of KiB`);
}
