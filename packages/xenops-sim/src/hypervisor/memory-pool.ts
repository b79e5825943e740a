/**
 * The host's memory by pages and NUMA nodes: what Xen has kept, what is free, what is claimed, and what waits to be
 * scrubbed. Counts only, no contents.
 */
import { pagesFromKibDown } from '@xenops/core/units';
import type { Clock } from '@xenops/core/host';

/** Memory that Xen keeps for itself on the first node: text, heap and frame table of a small host. */
const XEN_PAGES = 16_384;

/** Pages by node. */
export type Allotment = readonly number[];

export interface MemoryPoolOptions {
  readonly nodesKib: readonly number[];
  readonly clock: Clock;
  /** How fast given back memory becomes free; at once unless said, as Xen 4.17 counts it. */
  readonly scrubPagesPerSecond?: number | undefined;
}

export class MemoryPool {
  readonly totalPagesByNode: Allotment;
  readonly #free: number[];
  readonly #clock: Clock;
  readonly #scrubPagesPerSecond: number;
  #claimedPages = 0;
  /** Pages to be scrubbed by node, and since when the work on them goes on. */
  readonly #dirty: number[];
  #scrubbedUntilMs: number;

  constructor({ nodesKib, clock, scrubPagesPerSecond = Infinity }: MemoryPoolOptions) {
    this.totalPagesByNode = nodesKib.map(pagesFromKibDown);
    this.#free = this.totalPagesByNode.map((pages, node) =>
      Math.max(0, node === 0 ? pages - XEN_PAGES : pages),
    );
    this.#dirty = nodesKib.map(() => 0);
    this.#clock = clock;
    this.#scrubPagesPerSecond = scrubPagesPerSecond;
    this.#scrubbedUntilMs = clock.nowMs();
  }

  get totalPages(): number {
    return sum(this.totalPagesByNode);
  }

  /** Free and not claimed: what anybody could have. */
  get freePages(): number {
    return sum(this.freePagesByNode) - this.#claimedPages;
  }

  get freePagesByNode(): Allotment {
    this.#scrub();
    return this.#free;
  }

  get scrubPages(): number {
    this.#scrub();
    return sum(this.#dirty);
  }

  get claimedPages(): number {
    return this.#claimedPages;
  }

  /** Sets pages aside, or with a negative number ends that. */
  claim(pages: number): void {
    this.#claimedPages += pages;
  }

  /** Takes so many pages, preferred nodes first. The caller has looked that they are there. */
  take(pages: number, preferred: readonly number[] = []): Allotment {
    this.#scrub();
    const taken = this.#free.map(() => 0);
    let left = pages;
    for (const node of [...preferred, ...this.#free.keys()]) {
      const part = Math.min(left, this.#free[node] ?? 0);
      taken[node] = (taken[node] ?? 0) + part;
      this.#free[node] = (this.#free[node] ?? 0) - part;
      left -= part;
    }
    return taken;
  }

  giveBack(allotment: Allotment): void {
    this.#scrub();
    const to = this.#scrubPagesPerSecond === Infinity ? this.#free : this.#dirty;
    for (const [node, pages] of allotment.entries()) to[node] = (to[node] ?? 0) + pages;
  }

  /** Moves to the free pages what has been scrubbed since this was last looked at. */
  #scrub(): void {
    const nowMs = this.#clock.nowMs();
    if (sum(this.#dirty) === 0) {
      this.#scrubbedUntilMs = nowMs;
      return;
    }
    let done = Math.floor(((nowMs - this.#scrubbedUntilMs) * this.#scrubPagesPerSecond) / 1000);
    if (done <= 0) return;
    this.#scrubbedUntilMs = nowMs;
    for (const [node, dirty] of this.#dirty.entries()) {
      const part = Math.min(done, dirty);
      this.#dirty[node] = dirty - part;
      this.#free[node] = (this.#free[node] ?? 0) + part;
      done -= part;
    }
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
