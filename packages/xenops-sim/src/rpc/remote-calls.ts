/** Calls over the hypervisor's socket: numbered, many at once, each to be aborted, with questions back to the caller. */
import type { Socket } from 'node:net';
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import type { LongCallOptions, Progress } from '@xenops/core/hypervisor';
import type { Verb } from '../hypervisor/verbs.ts';
import { decodeError, encodeError } from './error-codec.ts';
import type { MachineVerb } from './machine-verbs.ts';
import { LINE_BYTES_MAX, LineReader } from './line-reader.ts';
import {
  encodeMessage,
  findServerMessage,
  type RemoteFunction,
  type ServerMessage,
} from './messages.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: (progress: Progress) => void;
}

/** A function that went with a call. */
interface Sent {
  readonly fn: RemoteFunction;
  /** The call fails with this, however it ends over there. */
  readonly fail: (error: Error) => void;
}

export interface RemoteCallOptions extends LongCallOptions {
  /** Whether this process goes on while the call is under way; yes unless said. */
  readonly keepsAlive?: boolean | undefined;
}

export class RemoteCalls {
  readonly #socket: Socket;
  readonly #reader = new LineReader(LINE_BYTES_MAX);
  readonly #pending = new Map<number, Pending>();
  readonly #functions = new Map<number, Sent>();
  #nextId = 1;
  #nextFunction = 1;
  #holdCount = 0;
  #isOpen = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.unref();
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#end());
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise<void>((resolve) => void this.#socket.once('close', () => resolve()));
    this.#socket.destroy();
    this.#end();
    await closed;
  }

  /** Throws HYPERVISOR_UNAVAILABLE when the connection is closed. */
  checkOpen(): void {
    if (!this.#isOpen) throw unavailable();
  }

  /** Calls a verb; the answer is taken for what the other side's types say, which are the same as ours. */
  async call(
    verb: Verb | MachineVerb,
    args: readonly unknown[] = [],
    { signal, onProgress, keepsAlive = true }: RemoteCallOptions = {},
  ): Promise<unknown> {
    this.checkOpen();
    const aborted = (when: string): AbortedError =>
      new AbortedError({ message: `Gave up the call ${verb} ${when}`, cause: signal?.reason });
    if (signal?.aborted === true) throw aborted('before it was made');
    const id = this.#nextId;
    this.#nextId += 1;
    let failure: Error | undefined;
    const giveUp = (error: Error): void => {
      failure ??= error;
      this.#socket.write(encodeMessage({ kind: 'abort', id }));
    };
    const onAbort = (): void => giveUp(aborted('under way'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const functions: number[] = [];
    const keep = (fn: RemoteFunction): number => {
      const number = this.#nextFunction;
      this.#nextFunction += 1;
      functions.push(number);
      this.#functions.set(number, { fn, fail: (error) => void (failure ??= error) });
      return number;
    };
    // A call keeps the process alive unless it is a quiet one, an idle connection does not.
    if (keepsAlive) this.#hold(1);
    try {
      const value = await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, {
          resolve,
          reject,
          onProgress: (progress) => {
            try {
              onProgress?.(progress);
            } catch (error) {
              giveUp(asError(error));
            }
          },
        });
        this.#socket.write(encodeMessage({ kind: 'call', id, verb, args }, keep));
      });
      // Given up, a call fails even if the other side was faster; but not before the other side has ended it.
      if (failure !== undefined) throw failure;
      return value;
    } catch (error) {
      throw failure ?? error;
    } finally {
      if (keepsAlive) this.#hold(-1);
      signal?.removeEventListener('abort', onAbort);
      for (const number of functions) this.#functions.delete(number);
    }
  }

  /** So many more calls keep the process alive, or fewer. */
  #hold(change: 1 | -1): void {
    this.#holdCount += change;
    if (this.#holdCount > 0) this.#socket.ref();
    else this.#socket.unref();
  }

  #receive(chunk: Buffer): void {
    const messages = this.#reader.push(chunk)?.map(findServerMessage);
    if (messages === undefined) {
      this.#socket.destroy();
      return;
    }
    for (const message of messages) if (message !== undefined) this.#take(message);
  }

  #take(message: ServerMessage): void {
    if (message.kind === 'ask') {
      this.#answer(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (message.kind === 'progress') {
      pending?.onProgress(message.progress);
      return;
    }
    this.#pending.delete(message.id);
    if (message.kind === 'result') pending?.resolve(message.value);
    else pending?.reject(decodeError(message.error));
  }

  /** Calls the function that the other side asks for; what it throws is how the call ends. */
  #answer({ id, fn, args }: ServerMessage & { kind: 'ask' }): void {
    const send = (message: Parameters<typeof encodeMessage>[0]): void => {
      if (this.#isOpen) this.#socket.write(encodeMessage(message));
    };
    const sent = this.#functions.get(fn);
    const run = async (): Promise<unknown> => sent?.fn(...args);
    run().then(
      (value) => send({ kind: 'answer', id, value }),
      (error: unknown) => {
        sent?.fail(asError(error));
        send({ kind: 'refusal', id, error: encodeError(error) });
      },
    );
  }

  #end(): void {
    this.#isOpen = false;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(unavailable());
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function unavailable(): HypervisorError {
  return new HypervisorError('HYPERVISOR_UNAVAILABLE', {
    message: 'The connection to the simulated hypervisor is closed',
  });
}
