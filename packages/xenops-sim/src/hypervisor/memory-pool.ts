/** The host's memory by pages: what Xen has kept, what domains hold, what is free. Counts only, no contents. */
import { pagesFromKibDown } from '@xenops/core/units';

/** Memory that Xen keeps for itself: text, heap and frame table of a small host. */
const XEN_PAGES = 16_384;

export class MemoryPool {
  readonly totalPages: number;
  #freePages: number;

  constructor(totalKib: number) {
    this.totalPages = pagesFromKibDown(totalKib);
    this.#freePages = Math.max(0, this.totalPages - XEN_PAGES);
  }

  get freePages(): number {
    return this.#freePages;
  }

  /** Takes up to that many pages and says how many there were. */
  takeUpTo(pages: number): number {
    const taken = Math.min(pages, this.#freePages);
    this.#freePages -= taken;
    return taken;
  }

  giveBack(pages: number): void {
    this.#freePages += pages;
  }
}
