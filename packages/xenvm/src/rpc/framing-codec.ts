/**
 * Two framings on one socket, told apart by the first byte. Pure: bytes in, texts out.
 *
 *  - historical: a length of 4 bytes, big-endian, then so many bytes of JSON. The answer has no length; its end is the
 *    end of the connection, which serves one request. A length is at most 1 MiB, so that its first byte is 0.
 *  - persistent: one JSON object per line, either way. The first byte is `{`, which as the first byte of a length
 *    would be nearly 2 GiB.
 */
import { ProtocolError } from '@xenops/core/errors';

/** Bytes of a length. */
export const LENGTH_BYTES = 4;

const LINE_FEED = 0x0a;
const FIRST_OF_OBJECT = 0x7b;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Which framing a connection speaks. */
export type Framing = 'historical' | 'persistent';

/** The framing of a connection that begins with this byte. */
export function framingOf(firstByte: number): Framing {
  return firstByte === FIRST_OF_OBJECT ? 'persistent' : 'historical';
}

/** A historical request. */
export function encodeHistorical(text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const frame = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, LENGTH_BYTES);
  return frame;
}

/** What has come of the one request of a historical connection. */
export type HistoricalRequest =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'request'; readonly text: string }
  /** A length of 0: the connection is dropped without a word, as it always was. */
  | { readonly kind: 'dropped' };

/** Chunks, until somebody needs them in one piece. */
class Bytes {
  #chunks: Uint8Array[] = [];
  length = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  whole(): Uint8Array {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = whole.length === 0 ? [] : [whole];
    return whole;
  }

  clear(): void {
    this.#chunks = [];
    this.length = 0;
  }
}

/** Reads the request of a historical connection. What follows it is ignored. */
export class HistoricalDecoder {
  readonly #bytesMax: number;
  readonly #bytes = new Bytes();
  #bodyLength: number | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Throws PROTOCOL_REMOTE for a length over the limit and for text that is no UTF-8. */
  push(chunk: Uint8Array): HistoricalRequest {
    this.#bytes.push(chunk);
    this.#bodyLength ??= this.#readLength();
    const end = this.#bodyLength;
    if (end === undefined) return { kind: 'incomplete' };
    if (end === 0) return { kind: 'dropped' };
    if (this.#bytes.length < LENGTH_BYTES + end) return { kind: 'incomplete' };
    const body = this.#bytes.whole().subarray(LENGTH_BYTES, LENGTH_BYTES + end);
    return { kind: 'request', text: decodeText(body) };
  }

  #readLength(): number | undefined {
    if (this.#bytes.length < LENGTH_BYTES) return undefined;
    const whole = this.#bytes.whole();
    const length = new DataView(whole.buffer, whole.byteOffset).getUint32(0);
    if (length > this.#bytesMax) throw tooLong(this.#bytesMax);
    return length;
  }
}

/** Reads lines. */
export class LineDecoder {
  readonly #bytesMax: number;
  readonly #bytes = new Bytes();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Whether a line has begun and not ended. */
  get isInLine(): boolean {
    return this.#bytes.length > 0;
  }

  /** The lines that are whole now, empty ones left out. Throws PROTOCOL_REMOTE: over the limit, no UTF-8. */
  push(chunk: Uint8Array): readonly string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      this.#keep(chunk.subarray(start, end));
      const line = decodeText(this.#bytes.whole());
      if (line.trim() !== '') lines.push(line);
      this.#bytes.clear();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Uint8Array): void {
    this.#bytes.push(part);
    if (this.#bytes.length > this.#bytesMax) throw tooLong(this.#bytesMax);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new ProtocolError('PROTOCOL_REMOTE', { message: 'The request is no UTF-8 text', cause });
  }
}

function tooLong(bytesMax: number): ProtocolError {
  return new ProtocolError('PROTOCOL_REMOTE', {
    message: `A request has at most ${bytesMax} bytes`,
    context: { bytesMax },
  });
}
