/**
 * Output of one connection, written straight into a buffer that leaves in one piece: no object, and no promise, for a
 * reply. An event that waits unsent is not repeated.
 */
import { HEADER_BYTES, MessageType, PAYLOAD_BYTES_MAX } from '@xenops/core/xenstore/wire';
import type { Answer, RequestHeader } from './connection.ts';

const FIRST_BYTES = 512;

export class Output {
  #buffer: Buffer = Buffer.allocUnsafe(0);
  #length = 0;
  /** Bytes of the last piece, a guess at the next. */
  #lastLength = FIRST_BYTES;
  readonly #waitingEvents = new Set<string>();

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  reply(header: RequestHeader, answer: Answer): void {
    if (typeof answer === 'string') {
      this.#appendError(header, answer);
    } else {
      const offset = this.#appendHeader(header, answer.byteLength);
      this.#buffer.set(answer, offset);
    }
  }

  /**
   * Adds an event, unless the same waits already or it is longer than a message can be. The token has a character for each
   * byte.
   */
  event(path: string, token: string): void {
    const payloadBytes = path.length + 2 + token.length;
    if (payloadBytes > PAYLOAD_BYTES_MAX) return;
    const isSpecial = path.startsWith('@');
    const text = `${path}\0${token}\0`;
    if (!isSpecial) {
      if (this.#waitingEvents.has(text)) return;
      this.#waitingEvents.add(text);
    }
    const offset = this.#appendHeader(WATCH_EVENT_HEADER, payloadBytes);
    this.#buffer.write(text, offset, 'latin1');
  }

  /** All that waits, as one piece that belongs to the caller. */
  take(): Buffer {
    const piece = this.#buffer.subarray(0, this.#length);
    this.#lastLength = this.#length;
    this.#buffer = Buffer.allocUnsafe(0);
    this.#length = 0;
    if (this.#waitingEvents.size > 0) this.#waitingEvents.clear();
    return piece;
  }

  #appendError(header: RequestHeader, name: string): void {
    const offset = this.#appendHeader({ ...header, type: MessageType.error }, name.length + 1);
    this.#buffer.write(`${name}\0`, offset, 'latin1');
  }

  /** Writes a header, makes room for the payload and gives its place. */
  #appendHeader({ type, requestId, transactionId }: RequestHeader, payloadBytes: number): number {
    const start = this.#length;
    const end = start + HEADER_BYTES + payloadBytes;
    if (end > this.#buffer.length) this.#grow(end);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(type >>> 0, start);
    buffer.writeUInt32LE(requestId, start + 4);
    buffer.writeUInt32LE(transactionId, start + 8);
    buffer.writeUInt32LE(payloadBytes, start + 12);
    this.#length = end;
    return start + HEADER_BYTES;
  }

  #grow(needed: number): void {
    const bytes = Math.max(needed, this.#buffer.length * 2, this.#lastLength, FIRST_BYTES);
    const larger = Buffer.allocUnsafe(bytes);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

const WATCH_EVENT_HEADER: RequestHeader = {
  type: MessageType.watchEvent,
  requestId: 0,
  transactionId: 0,
};
