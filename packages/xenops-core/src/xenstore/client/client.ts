/**
 * The XenStore of a connector: connects when first used, and again after the connection was lost. Watches outlive the
 * connection: they are registered anew on the next one and their consumers get a `resync`.
 */
import { hasCode, ProtocolError, XenStoreError } from '../../errors.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { Domid, Evtchn } from '../../ids.ts';
import { throwIfAborted } from '../../lifetime/deadline.ts';
import {
  RECONNECT_PAUSE_MAX_MS,
  RECONNECT_PAUSE_MS,
  TRANSACTION_ATTEMPTS_MAX,
  TRANSACTION_PAUSE_MAX_MS,
} from '../limits.ts';
import { splitTexts } from '../wire/frame.ts';
import { isSpecialPath } from '../wire/path.ts';
import type { Request } from '../wire/request.ts';
import type { TransactionOptions, Watch, XenStore, XenStoreTree } from '../xenstore.ts';
import { Multiplexer } from './multiplexer.ts';
import type { Connector } from './transport.ts';
import { checked, WireTree } from './tree.ts';
import { WatchQueue } from './watch-queue.ts';

/** A watch, and the connection that it was last registered on. */
interface Registration {
  readonly queue: WatchQueue;
  connection: Multiplexer | undefined;
}

export interface WireClientOptions {
  readonly clock?: Clock;
  /** Random numbers from 0 to 1, for the pauses between attempts of a transaction. */
  readonly random?: () => number;
}

export class WireClient extends WireTree implements XenStore {
  readonly #connector: Connector;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #watches = new Map<string, Registration>();
  #connection: Promise<Multiplexer> | undefined;
  /** The connection while it is up, to be used without waiting for a promise. */
  #live: Multiplexer | undefined;
  #reconnecting: Disposable | undefined;
  #nextToken = 0;
  #closed = false;

  constructor(
    connector: Connector,
    { clock = systemClock, random = Math.random }: WireClientOptions = {},
  ) {
    super((request) => this.#request(request));
    this.#connector = connector;
    this.#clock = clock;
    this.#random = random;
  }

  /** Connects now instead of at the first request. Rejects with XENSTORE_UNAVAILABLE. */
  async connect(): Promise<void> {
    await this.#connected();
  }

  async transaction<T>(
    body: (tree: XenStoreTree) => Promise<T>,
    { attempts = TRANSACTION_ATTEMPTS_MAX, signal }: TransactionOptions = {},
  ): Promise<T> {
    let hadIoError = false;
    for (let attempt = 1; ; attempt += 1) {
      throwIfAborted(signal, 'a transaction on xenstore');
      const outcome = await this.#attempt(body);
      if (outcome.done) return outcome.value;
      // Said by the C daemon in a transaction that cannot succeed any more, but not twice in a row.
      if (outcome.error.code === 'XENSTORE_IO') {
        if (hadIoError) throw outcome.error;
        hadIoError = true;
      }
      if (attempt >= attempts) {
        throw new XenStoreError('XENSTORE_CONFLICT', {
          message: `Others changed the same nodes of xenstore in each of ${attempts} attempts`,
          context: { attempts },
        });
      }
      await this.#pause(Math.min(2 ** attempt, TRANSACTION_PAUSE_MAX_MS) * this.#random());
    }
  }

  async watch(path: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Watch> {
    const checkedPath = isSpecialPath(path) ? path : checked(path);
    throwIfAborted(signal, `a watch on ${path}`);
    const token = `w${(this.#nextToken += 1)}`;
    const queue = new WatchQueue(checkedPath, async () => {
      signal?.removeEventListener('abort', onAbort);
      this.#watches.delete(token);
      await this.#request({ name: 'unwatch', path: checkedPath, token }).catch(ignoreGone);
    });
    const onAbort = (): void => {
      // The consumer has gone; a daemon that cannot unregister the watch any more is nobody's error but its own.
      queue[Symbol.asyncDispose]().catch(() => undefined);
    };
    const registration: Registration = { queue, connection: undefined };
    this.#watches.set(token, registration);
    try {
      await this.#register(await this.#connected(), token, registration);
    } catch (error) {
      this.#watches.delete(token);
      throw error;
    }
    if (signal?.aborted === true) {
      onAbort();
      throwIfAborted(signal, `a watch on ${path}`);
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    return queue;
  }

  async introduce(domid: Domid, storeFrame: bigint, storeEvtchn: Evtchn): Promise<void> {
    const [frame, port] = [String(storeFrame), String(storeEvtchn)];
    await this.#request({ name: 'introduce', domid: String(domid), frame, port });
  }

  async release(domid: Domid): Promise<void> {
    await this.#request({ name: 'release', domid: String(domid) });
  }

  async resume(domid: Domid): Promise<void> {
    await this.#request({ name: 'resume', domid: String(domid) });
  }

  async isIntroduced(domid: Domid): Promise<boolean> {
    const payload = await this.#request({ name: 'isDomainIntroduced', domid: String(domid) });
    return splitTexts(payload)[0] === 'T';
  }

  async setTarget(domid: Domid, target: Domid): Promise<void> {
    await this.#request({ name: 'setTarget', domid: String(domid), target: String(target) });
  }

  async getDomainPath(domid: Domid): Promise<string> {
    const payload = await this.#request({ name: 'getDomainPath', domid: String(domid) });
    return splitTexts(payload)[0] ?? '';
  }

  async resetWatches(): Promise<void> {
    await this.#request({ name: 'resetWatches' });
    this.#endWatches();
  }

  async control(...words: readonly string[]): Promise<string> {
    const payload = await this.#request({ name: 'control', words });
    return splitTexts(payload).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#reconnecting?.[Symbol.dispose]();
    this.#endWatches();
    const connection = await this.#connection?.catch(() => undefined);
    connection?.close();
  }

  #endWatches(): void {
    for (const { queue } of this.#watches.values()) queue.end();
    this.#watches.clear();
  }

  #request(request: Request): Promise<Buffer> {
    if (this.#live !== undefined && !this.#closed) return this.#live.request(request, 0);
    return this.#connected().then((connection) => connection.request(request, 0));
  }

  #connected(): Promise<Multiplexer> {
    if (this.#closed) {
      return Promise.reject(
        new XenStoreError('XENSTORE_CLOSED', { message: 'This xenstore client has been closed' }),
      );
    }
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async #connect(): Promise<Multiplexer> {
    try {
      const connection = await Multiplexer.open(this.#connector, this.#clock, {
        onWatchEvent: (path, token) => this.#watches.get(token)?.queue.push(path),
        onDown: () => this.#lost(),
      });
      if (connection.isUp) this.#live = connection;
      return connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  #lost(): void {
    this.#connection = undefined;
    this.#live = undefined;
    if (!this.#closed && this.#watches.size > 0) this.#reconnectIn(RECONNECT_PAUSE_MS);
  }

  /** Tries to get the watches back, with growing pauses, until it works or the client is closed. */
  #reconnectIn(pauseMs: number): void {
    this.#reconnecting?.[Symbol.dispose]();
    this.#reconnecting = this.#clock.startTimer(pauseMs, () => {
      this.#rearm().catch(() => {
        if (!this.#closed) this.#reconnectIn(Math.min(pauseMs * 2, RECONNECT_PAUSE_MAX_MS));
      });
    });
  }

  async #rearm(): Promise<void> {
    const connection = await this.#connected();
    const lost = [...this.#watches].filter(([, watch]) => watch.connection !== connection);
    await Promise.all(
      lost.map(async ([token, registration]) => {
        try {
          await this.#register(connection, token, registration);
        } catch (error) {
          if (hasCode(error, 'XENSTORE_CLOSED', 'TIMEOUT')) throw error;
          // Refused: its consumer's to know, and no reason to keep the others waiting.
          registration.queue.end(asError(error));
        }
        registration.queue.resync();
      }),
    );
  }

  async #register(
    connection: Multiplexer,
    token: string,
    registration: Registration,
  ): Promise<void> {
    registration.connection = connection;
    await connection.request({ name: 'watch', path: registration.queue.path, token }, 0);
  }

  async #attempt<T>(
    body: (tree: XenStoreTree) => Promise<T>,
  ): Promise<
    | { readonly done: true; readonly value: T }
    | { readonly done: false; readonly error: XenStoreError }
  > {
    const connection = await this.#connected();
    const started = await connection.request({ name: 'transactionStart' }, 0);
    const id = parseTransactionId(splitTexts(started)[0]);
    let value: T;
    try {
      value = await body(new WireTree((request) => connection.request(request, id)));
    } catch (error) {
      // The transaction is over either way; what counts is why the body failed.
      await connection
        .request({ name: 'transactionEnd', commit: false }, id)
        .catch(() => undefined);
      if (isDoom(error)) return { done: false, error };
      throw error;
    }
    try {
      await connection.request({ name: 'transactionEnd', commit: true }, id);
      return { done: true, value };
    } catch (error) {
      if (isDoom(error)) return { done: false, error };
      throw error;
    }
  }

  async #pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#clock.startTimer(delayMs, resolve));
  }
}

/** The id in the reply to a start; 0 would mean "no transaction" to every request that carries it. */
function parseTransactionId(text = ''): number {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (id < 1 || id > 0xffffffff) {
    throw new ProtocolError('PROTOCOL_REMOTE', {
      message: 'xenstored started a transaction without a usable id',
      context: { id: text.slice(0, 32) },
    });
  }
  return id;
}

/** Whether the error ends this attempt of a transaction, and says nothing about the next. */
function isDoom(error: unknown): error is XenStoreError {
  return hasCode(error, 'XENSTORE_CONFLICT', 'XENSTORE_IO');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What is undone on a connection that is gone, or on a watch that xenstored does not know, needs no undoing. */
function ignoreGone(error: unknown): void {
  if (!hasCode(error, 'XENSTORE_CLOSED', 'XENSTORE_NO_ENTRY', 'XENSTORE_UNAVAILABLE')) throw error;
}
