/**
 * One connection to a bus, from the first byte to the last: serials, calls that wait for their reply, and messages
 * that leave together at the end of the tick in which they were made. It is closed once, for one reason, and then
 * everything that waits is told.
 */
import { BusError } from './errors.ts';
import { DescriptorStream } from './descriptors/descriptor-stream.ts';
import type { ReceivedDescriptors } from './descriptors/received-descriptors.ts';
import type { BusStream } from './library.ts';
import type { BusLimits } from './limits.ts';
import { PendingCalls, type Waiting } from './pending-calls.ts';
import { bodyCodec, type BodyCodec } from './wire/body-codec.ts';
import { FrameSplitter } from './wire/frame-splitter.ts';
import {
  finishMessage,
  MESSAGE_FLAG,
  MESSAGE_TYPE,
  readMessage,
  startMessage,
  withDescriptors,
  type ClaimDescriptors,
  type HeaderTemplate,
  type IncomingMessage,
} from './wire/message.ts';
import { Writer } from './wire/writer.ts';

/** Room in which the messages of a tick are collected. */
const SLAB_BYTES = 64 * 1024;

/** A message to send. */
export interface Outgoing {
  readonly template: HeaderTemplate;
  readonly codec: BodyCodec;
  readonly values: readonly unknown[];
  /** MESSAGE_FLAG bits. */
  readonly flags?: number;
}

/** What the owner of a connection does with it. */
export interface ConnectionEvents {
  /** A call or a signal. What it throws closes the connection when it is `DBUS_PROTOCOL`. */
  readonly onMessage: (message: IncomingMessage) => void;
  /** The connection is gone. Called once, after everything pending was rejected. */
  readonly onClosed: (reason: BusError) => void;
}

/** See the module comment. */
export class Connection {
  readonly #stream: BusStream;
  readonly #limits: BusLimits;
  readonly #events: ConnectionEvents;
  readonly #writer = new Writer();
  readonly #pending: PendingCalls;
  #serial: number;
  #slab: Buffer = Buffer.allocUnsafe(SLAB_BYTES);
  #slabStart = 0;
  #slabEnd = 0;
  #isFlushDue = false;
  readonly #descriptors: DescriptorStream | undefined;
  readonly #claim: ClaimDescriptors | undefined;
  /** Of the message being received. */
  #claimed: ReceivedDescriptors | undefined;
  #closedBy: BusError | undefined;
  #keepsAlive = true;

  /** Takes over an open stream. `serial` is the last serial that was used on it. */
  constructor(
    stream: BusStream,
    {
      limits,
      events,
      serial,
    }: {
      readonly limits: BusLimits;
      readonly events: ConnectionEvents;
      readonly serial: number;
    },
  ) {
    this.#stream = stream;
    this.#limits = limits;
    this.#events = events;
    this.#serial = serial;
    this.#pending = new PendingCalls(limits.pendingCallsMax, () => {
      if (!this.#keepsAlive) this.#updateReference();
    });
    if (stream instanceof DescriptorStream) {
      this.#descriptors = stream;
      this.#claim = (count) => (this.#claimed = stream.claim(count));
    }
    const splitter = new FrameSplitter(limits.messageBytesMax, (bytes) => this.#receive(bytes));
    stream.on('data', (chunk: Buffer) => {
      if (this.#closedBy !== undefined) return;
      try {
        splitter.push(chunk);
      } catch (error) {
        this.close(asReason(error));
      }
    });
    stream.on('error', (cause: unknown) => this.close(connectionLost(cause)));
    stream.on('close', () => this.close(connectionLost(undefined)));
    stream.resume();
  }

  /** Why the connection is closed; undefined while it is open. */
  get closedBy(): BusError | undefined {
    return this.#closedBy;
  }

  /** How many calls wait for a reply. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Whether the open connection keeps the process running. Calls that wait for a reply always do. */
  set keepsAlive(keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
    this.#updateReference();
  }

  /** Sends a message that nobody answers. Throws `DBUS_CLOSED`, `DBUS_LIMIT`, `DBUS_BAD_VALUE`. */
  send(message: Outgoing, replySerial = 0): void {
    this.#encode(message, this.#nextSerial(), replySerial);
  }

  /**
   * Sends a call and waits for its reply.
   * Rejects with `DBUS_CLOSED`, `DBUS_LIMIT`, `DBUS_BAD_VALUE`, `TIMEOUT`, `ABORTED`, or what `decode` throws.
   */
  call<T>(message: Outgoing, waiting: Waiting<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.assertMayWait(waiting.signal);
      const serial = this.#nextSerial();
      this.#encode(message, serial, 0);
      this.#pending.add(serial, waiting, resolve, reject);
    });
  }

  /** Waits for the reply to a call that has been sent. */
  waitForReply<T>(serial: number, waiting: Waiting<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(serial, waiting, resolve, reject);
    });
  }

  /** Closes the connection; everything pending is rejected with the reason. Nothing happens the second time. */
  close(reason: BusError): void {
    if (this.#closedBy !== undefined) return;
    this.#flush();
    this.#closedBy = reason;
    this.#stream.end(() => void this.#stream.destroy());
    if (reason.code !== 'DBUS_CLOSED') this.#stream.destroy();
    this.#pending.failAll(reason);
    this.#events.onClosed(reason);
  }

  #receive(bytes: Buffer): void {
    try {
      const message = readMessage(bytes, this.#claim);
      if (message.type === MESSAGE_TYPE.reply || message.type === MESSAGE_TYPE.error) {
        this.#pending.receive(message);
      } else if (message.type === MESSAGE_TYPE.call || message.type === MESSAGE_TYPE.signal) {
        this.#events.onMessage(message);
      }
    } finally {
      this.#claimed?.closeUntaken();
      this.#claimed = undefined;
    }
  }

  #nextSerial(): number {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    do {
      this.#serial = this.#serial === 0xffff_ffff ? 1 : this.#serial + 1;
    } while (this.#pending.has(this.#serial));
    return this.#serial;
  }

  #encode(message: Outgoing, serial: number, replySerial: number): void {
    const writer = this.#writer;
    if (this.#descriptors !== undefined) writer.descriptors = [];
    this.#write(message.template, message, serial, replySerial);
    const descriptors = writer.descriptors ?? NO_DESCRIPTORS;
    if (descriptors.length > 0) {
      // Their number stands in the header, and is known only now.
      writer.descriptors = [];
      const header = withDescriptors(message.template, descriptors.length);
      this.#write(header, message, serial, replySerial);
    }
    const { messageBytesMax, unsentBytesMax } = this.#limits;
    const unsent = this.#stream.writableLength + this.#slabEnd - this.#slabStart;
    if (unsent + writer.position > unsentBytesMax || writer.position > messageBytesMax) {
      throw new BusError('DBUS_LIMIT', {
        message: 'More would wait to be sent than this connection allows',
        context: { limitBytes: unsentBytesMax, messageBytesMax },
      });
    }
    if (descriptors.length > 0) {
      this.#flush();
      const bytes = Buffer.from(writer.bytes.subarray(0, writer.position));
      this.#descriptors?.send(bytes, descriptors);
    } else this.#queue(writer.bytes, writer.position);
  }

  #write(
    header: HeaderTemplate,
    { codec, values, flags = 0 }: Outgoing,
    serial: number,
    replySerial: number,
  ): void {
    const writer = this.#writer;
    writer.start(this.#limits.messageBytesMax);
    startMessage(writer, header, { serial, flags, replySerial });
    codec.write(writer, values);
    finishMessage(writer, header);
  }

  /** Copies a message behind those of this tick. A slab is never written to again once it has been sent. */
  #queue(bytes: Buffer, length: number): void {
    if (this.#slabEnd + length > this.#slab.length) {
      this.#flush();
      this.#slab = Buffer.allocUnsafe(Math.max(SLAB_BYTES, length));
      this.#slabStart = this.#slabEnd = 0;
    }
    bytes.copy(this.#slab, this.#slabEnd, 0, length);
    this.#slabEnd += length;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    process.nextTick(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#slabEnd === this.#slabStart || this.#closedBy !== undefined) return;
    this.#stream.write(this.#slab.subarray(this.#slabStart, this.#slabEnd));
    this.#slabStart = this.#slabEnd;
  }

  #updateReference(): void {
    if (this.#keepsAlive || this.#pending.size > 0) this.#stream.ref?.();
    else this.#stream.unref?.();
  }
}

const NO_DESCRIPTORS: readonly number[] = [];

/** The codec of an empty body. */
export const EMPTY_BODY: BodyCodec = bodyCodec('');

/** The flags byte of a call. */
export function callFlags({
  noReply = false,
  noAutoStart = false,
  interactive = false,
}: {
  readonly noReply?: boolean | undefined;
  readonly noAutoStart?: boolean | undefined;
  readonly interactive?: boolean | undefined;
}): number {
  return (
    (noReply ? MESSAGE_FLAG.noReply : 0) |
    (noAutoStart ? MESSAGE_FLAG.noAutoStart : 0) |
    (interactive ? MESSAGE_FLAG.interactive : 0)
  );
}

function asReason(error: unknown): BusError {
  if (error instanceof BusError) return error;
  return new BusError('DBUS_PROTOCOL', {
    message: 'A message could not be handled; the connection is in an unknown state',
    cause: error,
  });
}

function connectionLost(cause: unknown): BusError {
  return new BusError('DBUS_CLOSED', { message: 'The bus closed the connection', cause });
}
