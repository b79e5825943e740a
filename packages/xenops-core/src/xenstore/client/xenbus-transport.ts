/**
 * The kernel's own way to xenstored (drivers/xen/xenbus/xenbus_dev_frontend.c). Three things of the device shape this:
 *
 * - It takes one message per write; a second one in the same buffer is dropped without a word.
 * - It keeps one buffer per open file, and reads the payload of a request from there when its own thread gets to it. A
 *   request that is written before the last one was answered takes that one's place, payload and all: so one at a time.
 * - A read blocks a thread until data comes: closing sends a harmless request so that the pending read returns.
 */
import { open } from 'node:fs/promises';
import { XenStoreError } from '../../errors.ts';
import { REPLY_PAYLOAD_BYTES_MAX } from '../limits.ts';
import { encodeFrame, FrameDecoder } from '../wire/frame.ts';
import { MessageType } from '../wire/message-type.ts';
import { encodeRequest } from '../wire/request.ts';
import type { Connector, Transport, TransportHandlers } from './transport.ts';

export const XENBUS_DEVICE = '/dev/xen/xenbus';
const READ_BUFFER_BYTES = 8192;

/** A connector to `/dev/xen/xenbus`, for a Dom0 whose xenstored has no socket, and for guests. */
export function xenbusConnector(device: string = XENBUS_DEVICE): Connector {
  return async (handlers) => {
    const file = await open(device, 'r+').catch((cause: unknown) => {
      throw new XenStoreError('XENSTORE_UNAVAILABLE', {
        message: `Cannot open ${device}`,
        context: { path: device },
        cause,
      });
    });
    return attachXenbus(file, handlers);
  };
}

/** What is asked of the open device. */
export interface XenbusFile {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: null,
  ): Promise<{ readonly bytesRead: number }>;
  write(message: Buffer): Promise<unknown>;
  close(): Promise<void>;
}

/** A connection over the open device, which it closes at its end. */
export function attachXenbus(file: XenbusFile, handlers: TransportHandlers): Transport {
  const connection = new XenbusConnection(file, handlers);
  // The pump ends by itself and reports through onClose; it cannot reject.
  void connection.pump();
  return connection;
}

class XenbusConnection implements Transport {
  readonly #file: XenbusFile;
  readonly #handlers: TransportHandlers;
  readonly #replies = new FrameDecoder(REPLY_PAYLOAD_BYTES_MAX);
  readonly #waiting: Buffer[] = [];
  /** A request is with the kernel and not answered. */
  #isAsking = false;
  #isClosing = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: XenbusFile, handlers: TransportHandlers) {
    this.#file = file;
    this.#handlers = handlers;
  }

  send(message: Buffer): void {
    this.#waiting.push(message);
    if (!this.#isAsking) this.#askNext();
  }

  setRef(): void {
    return;
  }

  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // Behind a request that is under way, whose answer ends the pending read as well.
    this.#waiting.length = 0;
    const ids = { requestId: 0, transactionId: 0 };
    this.send(encodeRequest({ name: 'getDomainPath', domid: '0' }, ids));
  }

  /** Reads until the end. */
  async pump(): Promise<void> {
    let failure: Error | undefined;
    try {
      const buffer = Buffer.alloc(READ_BUFFER_BYTES);
      for (;;) {
        const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, null);
        if (this.#isClosing || bytesRead === 0) break;
        this.#take(Buffer.from(buffer.subarray(0, bytesRead)));
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    await this.#writing;
    await this.#file.close().catch(() => undefined);
    this.#handlers.onClose(failure);
  }

  #take(chunk: Buffer): void {
    this.#handlers.onData(chunk);
    this.#replies.push(chunk);
    for (let frame = this.#replies.next(); frame !== undefined; frame = this.#replies.next()) {
      if (frame.type !== MessageType.watchEvent) this.#askNext();
    }
  }

  #askNext(): void {
    const message = this.#waiting.shift();
    this.#isAsking = message !== undefined;
    if (message !== undefined) this.#writing = this.#write(message);
  }

  async #write(message: Buffer): Promise<void> {
    try {
      await this.#file.write(message);
    } catch (error) {
      // No reply will come to what the kernel has refused: 16 bytes of header and more than 4080 of payload, say.
      if (!this.#isClosing) this.#handlers.onData(refusal(message, error));
      this.#askNext();
    }
  }
}

/** The error reply to a message that could not be written, under the name of the error, as xenstored would send it. */
function refusal(message: Buffer, error: unknown): Buffer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
  const requestId = message.readUInt32LE(4);
  return encodeFrame({ type: MessageType.error, requestId, transactionId: 0 }, [`${code}\0`]);
}
