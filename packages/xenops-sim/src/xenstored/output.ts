/**
 * Output of one connection, written straight into a buffer that leaves in one piece: no object, and no promise, for a
 * reply. An event that waits unsent is not repeated, and one with an end to its life goes when nobody has taken it by then.
 */
import { HEADER_BYTES, MessageType, PAYLOAD_BYTES_MAX } from '@xenops/core/xenstore/wire';
import type { Answer, RequestHeader } from './connection.ts';
import { copyBytes } from './request-frame.ts';

const FIRST_BYTES = 512;
/** A larger buffer is not kept for the next piece: a connection may stay idle for long. */
const KEPT_BYTES_MAX = 8192;
/** Up to here a loop is faster than a call into the runtime. */
const LOOP_CHARACTERS_MAX = 64;

/** An event that does not wait for ever, and where it lies. */
interface ExpiringEvent {
  readonly untilMs: number;
  readonly key: string;
  start: number;
  readonly bytes: number;
}

export class Output {
  #buffer: Buffer = Buffer.alloc(0);
  #view = viewOf(this.#buffer);
  #length = 0;
  #replies = 0;
  /** Bytes of the last piece, a guess at the next. */
  #lastLength = FIRST_BYTES;
  readonly #waitingEvents = new Set<string>();
  /** In the order of their ends. */
  #expiring: ExpiringEvent[] = [];

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Replies that wait. */
  get replies(): number {
    return this.#replies;
  }

  reply(header: RequestHeader, answer: Answer): void {
    this.#replies += 1;
    if (typeof answer === 'string') {
      const offset = this.#appendHeader(MessageType.error, header, answer.length + 1);
      this.#appendText(answer, offset);
    } else {
      const offset = this.#appendHeader(header.type, header, answer.length);
      copyBytes(this.#buffer, offset, { bytes: answer, start: 0, end: answer.length });
    }
  }

  /**
   * Adds an event, unless the same waits already or it is longer than a message can be. Path and token have a character
   * for each byte. `untilMs` says when it goes if it still waits; those of one client come in this order.
   */
  event(path: string, token: string, untilMs?: number): void {
    const payloadBytes = path.length + 2 + token.length;
    if (payloadBytes > PAYLOAD_BYTES_MAX) return;
    const key = `${path}\0${token}`;
    if (!path.startsWith('@')) {
      const waiting = this.#waitingEvents;
      const { size } = waiting;
      if (waiting.add(key).size === size) return;
    }
    if (untilMs !== undefined) {
      const bytes = HEADER_BYTES + payloadBytes;
      this.#expiring.push({ untilMs, key, start: this.#length, bytes });
    }
    const offset = this.#appendHeader(MessageType.watchEvent, NO_REQUEST, payloadBytes);
    this.#appendText(token, this.#appendText(path, offset));
  }

  /** Throws away the events whose time is over. */
  dropExpired(nowMs: number): void {
    const events = this.#expiring;
    let count = 0;
    while (count < events.length && (events[count]?.untilMs ?? Infinity) <= nowMs) count += 1;
    const [first] = events;
    if (count === 0 || first === undefined) return;
    let end = first.start;
    const dropped = events.splice(0, count);
    for (const [index, { key, start, bytes }] of dropped.entries()) {
      const keptTo = dropped[index + 1]?.start ?? this.#length;
      this.#buffer.copy(this.#buffer, end, start + bytes, keptTo);
      end += keptTo - start - bytes;
      this.#waitingEvents.delete(key);
    }
    for (const event of events) event.start -= this.#length - end;
    this.#length = end;
  }

  /** All that waits, as one piece that belongs to the caller. */
  take(): Buffer {
    const piece = this.#buffer.subarray(0, this.#length);
    this.#empty(false);
    return piece;
  }

  /** Hands all that waits to `send`, which says whether the bytes may be written over when it returns. */
  send(send: (piece: Buffer) => boolean): void {
    this.#empty(send(this.#buffer.subarray(0, this.#length)));
  }

  #empty(keepsBuffer: boolean): void {
    if (!keepsBuffer || this.#buffer.length > KEPT_BYTES_MAX) this.#use(NOTHING);
    this.#lastLength = this.#length;
    this.#length = 0;
    this.#replies = 0;
    if (this.#waitingEvents.size > 0) this.#waitingEvents.clear();
    if (this.#expiring.length > 0) this.#expiring = [];
  }

  /** Writes a text and a NUL; gives the place behind them. */
  #appendText(text: string, offset: number): number {
    const buffer = this.#buffer;
    const { length } = text;
    if (length > LOOP_CHARACTERS_MAX) {
      buffer.write(text, offset, 'latin1');
    } else {
      for (let index = 0; index < length; index += 1) {
        buffer[offset + index] = text.charCodeAt(index);
      }
    }
    buffer[offset + length] = 0;
    return offset + length + 1;
  }

  /** Writes a header, makes room for the payload and gives its place. */
  #appendHeader(
    type: number,
    { requestId, transactionId }: Omit<RequestHeader, 'type'>,
    payloadBytes: number,
  ): number {
    const start = this.#length;
    const end = start + HEADER_BYTES + payloadBytes;
    if (end > this.#buffer.length) this.#grow(end);
    const view = this.#view;
    view.setUint32(start, type, true);
    view.setUint32(start + 4, requestId, true);
    view.setUint32(start + 8, transactionId, true);
    view.setUint32(start + 12, payloadBytes, true);
    this.#length = end;
    return start + HEADER_BYTES;
  }

  #grow(needed: number): void {
    const bytes = Math.max(needed, this.#buffer.length * 2, this.#lastLength, FIRST_BYTES);
    const larger = Buffer.allocUnsafe(bytes);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#use(larger);
  }

  #use(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
const NO_REQUEST: Omit<RequestHeader, 'type'> = { requestId: 0, transactionId: 0 };

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
