/** How many names are kept, and how long one may be: those of a few hundred objects, a few hundred kilobytes. */
const SLOTS = 2048;
const NAME_BYTES_MAX = 64;

interface Slot {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Names that messages repeat (paths, interfaces, members, keys), found by their bytes: that is cheaper than to decode
 * them again, and the same string each time makes every later look-up by it cheaper. A slot keeps what came last.
 */
export class NameCache {
  readonly #slots: (Slot | undefined)[] = new Array<Slot | undefined>(SLOTS).fill(undefined);

  /** The text of these bytes, when it is known. */
  find(bytes: Uint8Array, start: number, length: number): string | undefined {
    if (length > NAME_BYTES_MAX) return undefined;
    const known = this.#slots[slotOf(bytes, start, length)];
    return known !== undefined && isAt(known.bytes, bytes, start, length) ? known.text : undefined;
  }

  /** Remembers the text of these bytes, if it is short. */
  keep(bytes: Uint8Array, start: number, length: number, text: string): void {
    if (length > NAME_BYTES_MAX) return;
    const own = new Uint8Array(bytes.subarray(start, start + length));
    this.#slots[slotOf(bytes, start, length)] = { bytes: own, text };
  }
}

function slotOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = length;
  for (let index = start; index < start + length; index++) {
    hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0;
  }
  return (hash ^ (hash >>> 11)) & (SLOTS - 1);
}

function isAt(name: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (name[index] !== bytes[start + index]) return false;
  }
  return true;
}
