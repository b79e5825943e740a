/** A connection to a monitor in the persistent framing: many tasks at a time, progress, cancellation, events. */
import type { Socket } from 'node:net';
import { ProtocolError } from '@xenops/core/errors';
import { withDeadline } from '@xenops/core/lifetime';
import type { EventItem, EventPosition } from '../notify/event-log.ts';
import { LineDecoder } from '../rpc/framing-codec.ts';
import {
  isJsonObject,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../rpc/json-text-codec.ts';
import { renderLine } from '../rpc/message-codec.ts';
import type { TaskArguments, TaskProgress } from '../rpc/vm-port.ts';
import { eventItemOf } from './event-item.ts';
import { notThere, openSocket } from './open-socket.ts';
import { RemoteTaskError } from './remote-task-error.ts';

/** Bytes of one message from the monitor. */
const MESSAGE_BYTES_MAX = 16_777_216;
/** Events that wait for a consumer; past that the connection is closed, and the consumer resumes from where it is. */
const EVENTS_MAX = 4096;

/** Where to connect. */
export interface VmClientOptions {
  readonly socketPath: string;
  /** For connecting, and for each call that brings none. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What can be said for one call. */
export interface CallOptions {
  readonly timeoutMs?: number;
  /** Cancels the task, which may still come to its end. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
  /** Give the historical text even where the task has data. */
  readonly isText?: boolean;
}

interface PendingCall {
  readonly resolve: (result: JsonValue) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((progress: TaskProgress) => void) | undefined;
}

/** Connects. Rejects with CONNECT_FAILED, TIMEOUT or ABORTED. */
export async function connectVm(options: VmClientOptions): Promise<VmClient> {
  const socket = await openSocket(options.socketPath, options);
  return new VmClient(socket, options);
}

/** See the module comment. Made by `connectVm`. */
export class VmClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #options: VmClientOptions;
  readonly #decoder = new LineDecoder(MESSAGE_BYTES_MAX);
  readonly #pending = new Map<number, PendingCall>();
  readonly #events: EventItem[] = [];
  readonly #closed: Promise<void>;
  #onEvent: () => void = () => undefined;
  #nextId = 1;
  #closedBy: Error | undefined;

  constructor(socket: Socket, options: VmClientOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#push(chunk));
    socket.on('error', (cause) => this.#fail(notThere(options.socketPath, cause)));
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail(notThere(options.socketPath));
        resolve();
      });
    });
  }

  /**
   * Runs a task and gives its result: data, a text, or null. Rejects with RemoteTaskError, TIMEOUT, ABORTED, or
   * CONNECT_FAILED when the connection ends. A time-out cancels the task as the signal does.
   */
  async call(
    task: string,
    args: TaskArguments = {},
    options: CallOptions = {},
  ): Promise<JsonValue> {
    const { timeoutMs = this.#options.timeoutMs, signal } = options;
    const id = this.#nextId;
    this.#nextId += 1;
    const what = `the answer to ${task}`;
    try {
      return await withDeadline({ what }, { timeoutMs, signal }, (stop) => {
        stop.addEventListener('abort', () => {
          this.#send({ method: '$/cancel', params: { id } });
        });
        return this.#request(id, { method: task, params: args }, options);
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  /**
   * What happens from a position on, or from a snapshot. Once per connection. The iteration ends when the consumer
   * stops or the signal fires, and throws CONNECT_FAILED when the connection ends; `watchVm` goes on from there.
   */
  async *events(
    from?: EventPosition,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<EventItem, void, undefined> {
    const wake = (): void => this.#onEvent();
    signal?.addEventListener('abort', wake);
    try {
      await this.call('$/subscribe', from === undefined ? {} : { ...from }, { signal });
      while (signal?.aborted !== true) {
        const item = this.#events.shift();
        if (item !== undefined) yield item;
        else if (this.#closedBy !== undefined) throw this.#closedBy;
        else await new Promise<void>((resolve) => (this.#onEvent = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  /** Closes. Calls under way are rejected; their tasks go on. */
  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #request(
    id: number,
    { method, params }: { readonly method: string; readonly params: JsonObject },
    { onProgress, isText = false }: CallOptions,
  ): Promise<JsonValue> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress });
      const progress = onProgress === undefined ? {} : { progress: true };
      const text = isText ? { text: true } : {};
      this.#send({ id, method, params, ...progress, ...text });
    });
  }

  #send(message: JsonObject): void {
    if (this.#socket.writable) this.#socket.write(renderLine(message));
  }

  #push(chunk: Buffer): void {
    try {
      for (const line of this.#decoder.push(chunk)) this.#receive(parseJson(line));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.#socket.destroy();
    }
  }

  #receive(message: JsonValue): void {
    if (!isJsonObject(message)) throw malformed();
    const { id, method, params, result, error } = message;
    if (isJsonObject(params) && method === '$/event') this.#keepEvent(eventItemOf(params));
    else if (isJsonObject(params) && method === '$/progress') this.#tellProgress(params);
    else if (typeof id === 'number') this.#settle(id, result ?? null, error);
    else if (isJsonObject(error)) throw new RemoteTaskError(error);
    // Anything else comes from a newer monitor.
  }

  #settle(id: number, result: JsonValue, error: JsonValue | undefined): void {
    const call = this.#pending.get(id);
    if (isJsonObject(error)) call?.reject(new RemoteTaskError(error));
    else call?.resolve(result);
    this.#pending.delete(id);
  }

  #tellProgress({ id, fraction, stage }: JsonObject): void {
    this.#pending.get(Number(id))?.onProgress?.({
      ...(typeof fraction === 'number' ? { fraction } : {}),
      ...(typeof stage === 'string' ? { stage } : {}),
    });
  }

  #keepEvent(item: EventItem | undefined): void {
    if (item === undefined) return;
    if (this.#events.length >= EVENTS_MAX) throw malformed();
    this.#events.push(item);
    this.#onEvent();
  }

  #fail(error: Error): void {
    this.#closedBy ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#closedBy);
    this.#pending.clear();
    this.#onEvent();
  }
}

function malformed(): ProtocolError {
  return new ProtocolError('PROTOCOL_REMOTE', {
    message: 'The monitor sent what no monitor sends, or more than could be taken',
  });
}
