/** The calls of a connection that wait for their replies: each until its reply, its deadline or its abort signal. */
import { BusError } from './errors.ts';
import { SharedTimer } from './time/deadline.ts';
import type { IncomingMessage } from './wire/message.ts';

/** How to wait for a reply. */
export interface Waiting<T> {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Makes the result out of a reply or error as soon as it is there; what it throws rejects the call. */
  readonly decode: (reply: IncomingMessage) => T;
}

interface PendingCall {
  readonly timeoutMs: number;
  readonly dueMs: number;
  /** Rejects as `decode` throws, and throws that again when the connection cannot go on. */
  receive(reply: IncomingMessage): void;
  fail(error: BusError): void;
}

/** See the module comment. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  readonly #timer = new SharedTimer((nowMs) => this.#expire(nowMs));
  readonly #limit: number;
  readonly #onBusy: (isBusy: boolean) => void;

  /** `onBusy` is called when the first call begins to wait and when none waits any more. */
  constructor(limit: number, onBusy: (isBusy: boolean) => void) {
    this.#limit = limit;
    this.#onBusy = onBusy;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Whether a call waits under this serial. */
  has(serial: number): boolean {
    return this.#calls.has(serial);
  }

  /** Throws `ABORTED`, or `DBUS_LIMIT` when no more may wait. */
  assertMayWait(signal: AbortSignal | undefined): void {
    if (signal?.aborted === true) throw aborted(signal);
    if (this.#calls.size < this.#limit) return;
    throw new BusError('DBUS_LIMIT', {
      message: 'Too many calls wait for a reply already',
      context: { limit: this.#limit },
    });
  }

  /** Waits for the reply to a serial. Calls `settle` functions once. */
  add<T>(
    serial: number,
    { timeoutMs, signal, decode }: Waiting<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    let onAbort: (() => void) | undefined;
    if (signal !== undefined) {
      onAbort = (): void => this.#calls.get(serial)?.fail(aborted(signal));
      signal.addEventListener('abort', onAbort);
    }
    const end = (): void => {
      this.#calls.delete(serial);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      if (this.#calls.size === 0) this.#onBusy(false);
    };
    this.#calls.set(serial, {
      timeoutMs,
      dueMs: this.#timer.add(timeoutMs),
      receive: (reply) => {
        end();
        try {
          resolve(decode(reply));
        } catch (error) {
          reject(error);
          if (error instanceof BusError && error.code === 'DBUS_PROTOCOL') throw error;
        }
      },
      fail: (error) => {
        end();
        reject(error);
      },
    });
    if (this.#calls.size === 1) this.#onBusy(true);
  }

  /** Hands a reply to the call that it answers; one that nobody waits for any more is dropped. */
  receive(reply: IncomingMessage): void {
    this.#calls.get(reply.replySerial)?.receive(reply);
  }

  /** Rejects all. */
  failAll(reason: BusError): void {
    this.#timer.stop();
    for (const call of [...this.#calls.values()]) call.fail(reason);
  }

  /** Rejects what is due; gives when the next is. */
  #expire(nowMs: number): number {
    let nextMs = Infinity;
    for (const call of [...this.#calls.values()]) {
      if (call.dueMs <= nowMs) call.fail(timedOut(call.timeoutMs));
      else nextMs = Math.min(nextMs, call.dueMs);
    }
    return nextMs;
  }
}

function timedOut(timeoutMs: number): BusError {
  return new BusError('TIMEOUT', {
    message: `No reply came within ${timeoutMs / 1000} s`,
    context: { timeoutMs },
  });
}

function aborted(signal: AbortSignal): BusError {
  return new BusError('ABORTED', {
    message: 'Waiting for a reply was interrupted',
    cause: signal.reason,
  });
}
