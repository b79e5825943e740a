/** A stream of bytes with file descriptors beside it, in the order of the messages that they belong to. */
import { closeSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { BusError, protocolError } from '../errors.ts';
import type { DescriptorSocket, OpenDescriptorSocket } from './descriptor-socket.ts';
import { ReceivedDescriptors } from './received-descriptors.ts';

/** See the module comment. */
export class DescriptorStream extends Duplex {
  readonly #socket: DescriptorSocket;
  /** Arrived, and not yet claimed by a message. */
  #received: number[] = [];
  /** What goes with a chunk that waits to be written. */
  readonly #outgoing = new Map<unknown, readonly number[]>();

  /** Connects. Throws what the transport throws. */
  constructor(open: OpenDescriptorSocket, path: string) {
    super({ allowHalfOpen: false });
    this.#socket = open(path, {
      onData: (bytes, descriptors) => {
        this.#received.push(...descriptors);
        if (this.destroyed) this.#closeReceived();
        else this.push(bytes);
      },
      onEnd: (error) => {
        if (error === undefined) this.push(null);
        else this.destroy(error);
      },
    });
  }

  /** Writes bytes with descriptors, which the caller may close at once. Throws `DBUS_BAD_VALUE`. */
  send(bytes: Buffer, descriptors: readonly number[]): void {
    this.#outgoing.set(bytes, this.#duplicates(descriptors));
    this.write(bytes);
  }

  /** The next so many descriptors that arrived. Throws `DBUS_PROTOCOL` when they did not. */
  claim(count: number): ReceivedDescriptors {
    if (count > this.#received.length) throw protocolError('A file descriptor did not come along');
    const claimed = this.#received.splice(0, count);
    return new ReceivedDescriptors(claimed, (one) => this.#socket.duplicate(one));
  }

  ref(): this {
    this.#socket.hold(true);
    return this;
  }

  unref(): this {
    this.#socket.hold(false);
    return this;
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    const descriptors = this.#outgoing.get(chunk) ?? [];
    this.#socket.write(chunk, descriptors, (error) => {
      this.#outgoing.delete(chunk);
      for (const one of descriptors) closeSync(one);
      callback(error);
    });
  }

  override _read(): void {
    // What arrives is pushed; the transport bounds what waits.
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.shutdown();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.shutdown();
    this.#closeReceived();
    callback(error);
  }

  #closeReceived(): void {
    for (const one of this.#received.splice(0)) closeSync(one);
  }

  #duplicates(descriptors: readonly number[]): readonly number[] {
    const made: number[] = [];
    try {
      for (const one of descriptors) made.push(this.#socket.duplicate(one));
      return made;
    } catch (cause) {
      for (const one of made) closeSync(one);
      throw new BusError('DBUS_BAD_VALUE', {
        message: 'A file descriptor cannot be sent: type "h" is an open file descriptor',
        context: { path: 'args' },
        cause,
      });
    }
  }
}
