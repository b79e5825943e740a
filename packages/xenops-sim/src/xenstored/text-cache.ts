/**
 * Texts that come again and again as bytes, above all paths. Making a string out of bytes, and hashing it for a look-up,
 * costs more than all the rest of a small request; a text met before is found by its bytes instead.
 */

/** Slots, each for the latest text that fell into it. A power of two. */
const SLOTS = 1024;
/** Longer texts are not kept, so that a client cannot fill memory with them. */
const TEXT_BYTES_MAX = 128;

export class TextCache {
  readonly #slots: string[] = new Array<string>(SLOTS).fill('');

  /** The text with a character for each byte of that part. */
  find(bytes: Buffer, start: number, end: number): string {
    const length = end - start;
    if (length > TEXT_BYTES_MAX) return bytes.toString('latin1', start, end);
    let hash = length;
    for (let at = start; at < end; at += 1) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
    const known = this.#slots[slot] ?? '';
    if (known.length === length && isSame(known, bytes, start)) return known;
    const text = bytes.toString('latin1', start, end);
    this.#slots[slot] = text;
    return text;
  }
}

function isSame(text: string, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}
