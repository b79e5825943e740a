/**
 * One client by bytes: chunks in, whole replies and events out, in pieces as large as they come together. No I/O: the
 * owner is told when there is something to send and takes it when the other side can have it. Requests of a guest that
 * does not take its answers, or that keeps others from committing, wait here.
 */
import { HEADER_BYTES, PAYLOAD_BYTES_MAX } from '@xenops/core/xenstore/wire';
import type { Answer, Connection, ConnectionSink, RequestHeader } from './connection.ts';
import { OUTPUT_PAUSE_BYTES, WAITING_INPUT_BYTES_MAX, WATCH_EVENT_TIMEOUT_MS } from './limits.ts';
import { Output } from './output.ts';
import { readUint32, type RequestFrame } from './request-frame.ts';
import type { Xenstored } from './xenstored.ts';

export interface SessionEvents {
  /** Output waits; called again while nobody takes it, when it has grown past a megabyte and each time it doubles. */
  readonly onOutput: () => void;
  /** The store has dropped this connection: its domain has gone, or it has broken the protocol. */
  readonly onClosed: () => void;
}

const NOTHING: Buffer = Buffer.alloc(0);

export class Session implements ConnectionSink {
  readonly #xenstored: Xenstored;
  readonly #request: RequestFrame;
  readonly #output = new Output();
  readonly #events: SessionEvents;
  #connection: Connection | undefined;
  /** What has come and is not answered: the start of a request, or requests that wait. */
  #input = NOTHING;
  /** Bytes of output at which the owner is told of it. */
  #noticeBytes = 1;

  constructor(xenstored: Xenstored, events: SessionEvents) {
    this.#xenstored = xenstored;
    this.#request = xenstored.newRequestFrame();
    this.#events = events;
  }

  /** Says whose requests these are. */
  bind(connection: Connection): void {
    this.#connection = connection;
  }

  get waitingBytes(): number {
    this.#dropExpired();
    return this.#output.length;
  }

  get waitingReplies(): number {
    return this.#output.replies;
  }

  /** Takes bytes from the client, which belong to the session from now on, and answers the requests in them. */
  receive(chunk: Uint8Array): void {
    if (this.#connection === undefined) return;
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    this.proceed();
    if (this.#input.length > WAITING_INPUT_BYTES_MAX) this.#giveUp();
  }

  /** Answers requests that have waited: for output to be taken, or for the guest to have done no harm for a while. */
  proceed(): void {
    const bytes = this.#input;
    const request = this.#request;
    let offset = 0;
    for (let left = bytes.length; left >= HEADER_BYTES; left = bytes.length - offset) {
      const connection = this.#connection;
      if (connection === undefined || this.#xenstored.mustWait(connection)) break;
      const messageBytes = HEADER_BYTES + readUint32(bytes, offset + 12);
      if (messageBytes > HEADER_BYTES + PAYLOAD_BYTES_MAX) {
        this.#giveUp();
        return;
      }
      if (messageBytes > left) break;
      request.moveTo(bytes, offset);
      offset += messageBytes;
      this.#xenstored.handle(connection, request);
    }
    this.#input = offset === bytes.length ? NOTHING : bytes.subarray(offset);
  }

  /** All output so far, in one piece that belongs to the caller. */
  takeOutput(): Buffer {
    this.#dropExpired();
    this.#noticeBytes = 1;
    return this.#output.take();
  }

  /** Hands all output to `send`, which says whether the bytes may be written over when it returns. */
  sendOutput(send: (piece: Buffer) => boolean): void {
    this.#noticeBytes = 1;
    this.#output.send(send);
  }

  /** The client has gone. */
  end(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#xenstored.disconnect(connection);
  }

  reply(header: RequestHeader, answer: Answer): void {
    this.#output.reply(header, answer);
    if (this.#output.length >= this.#noticeBytes) this.#notice();
  }

  event(path: string, token: string): void {
    const connection = this.#connection;
    const bytes = HEADER_BYTES + path.length + token.length + 2;
    if (connection !== undefined && !this.#xenstored.hasRoomForEvent(connection, bytes)) return;
    this.#output.event(path, token, this.#untilMs(connection));
    if (this.#output.length >= this.#noticeBytes) this.#notice();
  }

  closed(): void {
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    this.#events.onClosed();
  }

  /** When an event for this client stops to wait; undefined: never. */
  #untilMs(connection: Connection | undefined): number | undefined {
    if (connection === undefined || connection.isPrivileged) return undefined;
    return this.#xenstored.nowMs() + WATCH_EVENT_TIMEOUT_MS;
  }

  #dropExpired(): void {
    if (this.#connection?.isPrivileged === false) this.#output.dropExpired(this.#xenstored.nowMs());
  }

  #notice(): void {
    this.#noticeBytes = Math.max(OUTPUT_PAUSE_BYTES, this.#output.length * 2);
    this.#events.onOutput();
  }

  /** Nothing more is read from this client. */
  #giveUp(): void {
    const connection = this.#connection;
    this.#input = NOTHING;
    this.#connection = undefined;
    if (connection === undefined) return;
    this.#xenstored.ignore(connection);
    this.#events.onClosed();
  }
}
