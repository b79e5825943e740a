/**
 * Contents of a guest's memory, where there are any: the pages that somebody has looked at or that the guest has
 * granted. All others read as zeros. Neighbouring pages that a guest takes together lie together here too, so that they can be
 * shared as one array of bytes.
 */

export const PAGE_BYTES = 4096;

interface Page {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
}

/** A page that the guest lets another domain map. */
export interface Grant {
  readonly frame: bigint;
  readonly to: number;
  readonly isReadOnly: boolean;
}

export class GuestMemory {
  readonly #pages = new Map<bigint, Page>();
  readonly #grants = new Map<number, Grant>();
  readonly #ranges: { readonly first: bigint; readonly count: bigint }[] = [];
  #nextGrant = FIRST_FREE_GRANT;

  /** Frames that are there from now on. */
  addFrames(first: bigint, count: number): void {
    this.#ranges.push({ first, count: BigInt(count) });
  }

  /** The lowest frame of the first memory that came; 0 when there is none. */
  get firstFrame(): bigint {
    return this.#ranges[0]?.first ?? 0n;
  }

  has(frame: bigint): boolean {
    return this.#ranges.some(({ first, count }) => frame >= first && frame < first + count);
  }

  /**
   * The bytes of these frames, in order, shared with everybody who asks. Undefined when one is not there, or when they have been
   * looked at in another order before.
   */
  findBytes(frames: readonly bigint[]): Uint8Array<ArrayBuffer> | undefined {
    const [first] = frames;
    if (first === undefined || !frames.every((frame) => this.has(frame))) return undefined;
    if (frames.every((frame) => !this.#pages.has(frame))) this.#lay(frames);
    const start = this.#pages.get(first);
    const isTogether = frames.every((frame, index) => {
      const page = this.#pages.get(frame);
      return (
        page?.buffer === start?.buffer && page?.offset === (start?.offset ?? 0) + index * PAGE_BYTES
      );
    });
    if (start === undefined || !isTogether) return undefined;
    return new Uint8Array(start.buffer, start.offset, frames.length * PAGE_BYTES);
  }

  grant(grant: Grant, ref: number = this.#nextGrant): number {
    this.#grants.set(ref, grant);
    this.#nextGrant = Math.max(this.#nextGrant, ref + 1);
    return ref;
  }

  endGrant(ref: number): void {
    this.#grants.delete(ref);
  }

  findGrant(ref: number): Grant | undefined {
    return this.#grants.get(ref);
  }

  /** Pages with contents, by rising frame. */
  contents(): readonly { readonly frame: bigint; readonly bytes: Uint8Array }[] {
    return [...this.#pages]
      .map(([frame, { buffer, offset }]) => ({
        frame,
        bytes: new Uint8Array(buffer, offset, PAGE_BYTES),
      }))
      .sort((left, right) => (left.frame < right.frame ? -1 : 1));
  }

  #lay(frames: readonly bigint[]): void {
    const buffer = new ArrayBuffer(frames.length * PAGE_BYTES);
    for (const [index, frame] of frames.entries()) {
      this.#pages.set(frame, { buffer, offset: index * PAGE_BYTES });
    }
  }
}

/** References below are reserved for console and xenstore (GNTTAB_NR_RESERVED_ENTRIES, xen/include/public/grant_table.h). */
const FIRST_FREE_GRANT = 8;
