/**
 * A request where it lies in the bytes that came in: one object for all requests of a client, and a payload that is
 * only taken apart as far as the operation asks. What counts as a text is what counts for the C xenstored
 * (`get_strings` and `onearg`, tools/xenstore/xenstored_core.c): it ends with a NUL, and most operations ignore what
 * follows the last NUL. Texts have a character for each byte.
 */
import { HEADER_BYTES } from '@xenops/core/xenstore/wire';
import type { RequestHeader } from './connection.ts';
import type { TextCache } from './text-cache.ts';

const NOTHING: Buffer = Buffer.alloc(0);

export class RequestFrame implements RequestHeader {
  type = 0;
  requestId = 0;
  transactionId = 0;
  readonly #texts: TextCache;
  #bytes: Buffer = NOTHING;
  /** Of the payload. */
  #start = 0;
  #end = 0;

  constructor(texts: TextCache) {
    this.#texts = texts;
  }

  /** Makes this the request whose header is at `offset`; the whole payload must be there. */
  moveTo(bytes: Buffer, offset: number): void {
    this.#bytes = bytes;
    this.type = readUint32(bytes, offset);
    this.requestId = readUint32(bytes, offset + 4);
    this.transactionId = readUint32(bytes, offset + 8);
    this.#start = offset + HEADER_BYTES;
    this.#end = this.#start + readUint32(bytes, offset + 12);
  }

  /** The one text that is the whole payload; undefined when it is anything else. */
  onlyText(): string | undefined {
    const last = this.#end - 1;
    if (this.#findNul(this.#start) !== last || last < this.#start) return undefined;
    return this.#texts.find(this.#bytes, this.#start, last);
  }

  /** The first text; undefined when there is none. */
  firstText(): string | undefined {
    const nul = this.#findNul(this.#start);
    return nul < 0 ? undefined : this.#texts.find(this.#bytes, this.#start, nul);
  }

  /** All texts. */
  texts(): string[] {
    const found: string[] = [];
    let start = this.#start;
    for (let nul = this.#findNul(start); nul >= 0; nul = this.#findNul(start)) {
      found.push(this.#bytes.toString('latin1', start, nul));
      start = nul + 1;
    }
    return found;
  }

  /** All of it, as one text. */
  payload(): string {
    return this.#bytes.toString('latin1', this.#start, this.#end);
  }

  /** A copy of what follows the first text. */
  copyAfterFirstText(): Buffer {
    const start = this.#findNul(this.#start) + 1;
    const copy = Buffer.allocUnsafe(this.#end - start);
    copyBytes(copy, 0, { bytes: this.#bytes, start, end: this.#end });
    return copy;
  }

  /** The place of the first NUL of the payload from there on, -1 without one. */
  #findNul(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    for (let at = from; at < end; at += 1) if (bytes[at] === 0) return at;
    return -1;
  }
}

/** Up to here a loop is faster than a call into the runtime. */
const LOOP_BYTES_MAX = 64;

/** Copies part of some bytes to `offset` of a buffer that has the room. */
export function copyBytes(
  target: Buffer,
  offset: number,
  {
    bytes,
    start,
    end,
  }: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
): void {
  if (end - start > LOOP_BYTES_MAX) {
    target.set(bytes.subarray(start, end), offset);
    return;
  }
  for (let from = start, to = offset; from < end; from += 1, to += 1) target[to] = bytes[from] ?? 0;
}

/** A word of a header. `Buffer.readUInt32LE` does the same with checks that take longer than the reading. */
export function readUint32(bytes: Buffer, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}
