/**
 * One client by bytes: chunks in, whole replies and events out, in pieces as large as they come together. No I/O: the
 * owner is told when there is something to send and takes it when the other side can have it.
 */
import { FrameDecoder, type Frame } from '@xenops/core/xenstore/wire';
import type { Answer, Connection, ConnectionSink, RequestHeader } from './connection.ts';
import { Output } from './output.ts';
import type { Xenstored } from './xenstored.ts';

export interface SessionEvents {
  /** Output waits; called once until it is taken. */
  readonly onOutput: () => void;
  /** The store has dropped this connection. */
  readonly onClosed: () => void;
}

export class Session implements ConnectionSink {
  readonly #xenstored: Xenstored;
  readonly #decoder = new FrameDecoder();
  readonly #output = new Output();
  readonly #events: SessionEvents;
  #connection: Connection | undefined;

  constructor(xenstored: Xenstored, events: SessionEvents) {
    this.#xenstored = xenstored;
    this.#events = events;
  }

  /** Says whose requests these are. */
  bind(connection: Connection): void {
    this.#connection = connection;
  }

  /** Bytes that wait to be sent. */
  get outputBytes(): number {
    return this.#output.length;
  }

  /**
   * Takes bytes from the client and answers every whole request in them. Throws PROTOCOL_REMOTE when the client breaks
   * the protocol: the connection is of no use then.
   */
  receive(chunk: Uint8Array): void {
    const decoder = this.#decoder;
    decoder.push(chunk);
    for (
      let frame: Frame | undefined = decoder.next();
      frame !== undefined && this.#connection !== undefined;
      frame = decoder.next()
    ) {
      this.#xenstored.handle(this.#connection, frame);
    }
  }

  /** All output so far, in one piece. */
  takeOutput(): Buffer {
    return this.#output.take();
  }

  /** The client has gone. */
  end(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#xenstored.disconnect(connection);
  }

  reply(header: RequestHeader, answer: Answer): void {
    const bytesBefore = this.#output.length;
    this.#output.reply(header, answer);
    if (bytesBefore === 0) this.#events.onOutput();
  }

  event(path: string, token: string): void {
    const bytesBefore = this.#output.length;
    this.#output.event(path, token);
    if (bytesBefore === 0 && this.#output.length > 0) this.#events.onOutput();
  }

  closed(): void {
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    this.#events.onClosed();
  }
}
