/** One connection to a socket of the monitor: calls in any number at a time, and the stream of events. */
import { createConnection, type Socket } from 'node:net';
import { ConnectError, ProtocolError } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { ManagerError } from '../manager/manager-error.ts';
import { LineReader } from './lines.ts';
import {
  parseMessage,
  parsePosition,
  renderCancel,
  renderRequest,
  type RemoteFailure,
  type StreamItem,
  type StreamPosition,
} from './message-codec.ts';
import { refusalError, unansweredError } from './monitor-errors.ts';

/** Characters of one message: the snapshot of a VM, or the list of all. */
const LINE_CHARACTERS_MAX = 4_194_304;
/** Calls of one connection without an answer; the monitor takes 64. */
const PENDING_MAX = 60;

/** Where to connect, and who is told what comes. */
export interface ConnectionOptions {
  readonly socketPath: string;
  /** For the errors: the uuid, or `control`. */
  readonly who: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How one call is made. */
export interface RemoteCallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface PendingCall {
  readonly task: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Connects. Rejects with CONNECT_FAILED, TIMEOUT or ABORTED. */
export async function openConnection(options: ConnectionOptions): Promise<MonitorConnection> {
  const { socketPath, timeoutMs, signal, clock } = options;
  const waiting = { timeoutMs, signal, clock };
  return withDeadline({ what: `the monitor at ${socketPath}` }, waiting, (stop) => {
    const socket = createConnection({ path: socketPath });
    stop.addEventListener('abort', () => socket.destroy());
    return new Promise((resolve, reject) => {
      socket.once('error', (cause) => reject(notThere(socketPath, cause)));
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new MonitorConnection(socket, options));
      });
    });
  });
}

/** See the module comment. */
export class MonitorConnection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #lines = new LineReader(LINE_CHARACTERS_MAX);
  readonly #pending = new Map<number, PendingCall>();
  #onItem: ((item: StreamItem) => void) | undefined;
  #nextId = 1;
  #closedBy: Error | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (cause) => this.#fail(notThere(options.socketPath, cause)));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail(notThere(options.socketPath));
        resolve();
      });
    });
  }

  get isOpen(): boolean {
    return this.#closedBy === undefined;
  }

  /** Makes a call and gives the text of its answer, or data where there is no text. Rejects with ManagerError. */
  async call(
    task: string,
    params: Readonly<Record<string, unknown>>,
    { timeoutMs, signal }: RemoteCallOptions,
  ): Promise<unknown> {
    const { who, clock } = this.#options;
    const id = this.#nextId;
    this.#nextId += 1;
    try {
      return await withDeadline(
        { what: `the answer to ${task}` },
        { timeoutMs, signal, clock },
        (stop) => {
          stop.addEventListener('abort', () => this.#send(renderCancel(id)));
          return this.#request(id, task, params);
        },
      );
    } catch (error) {
      throw unansweredError(who, task, error);
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Has `onItem` called with what happens from a position on, or from a snapshot. Gives where the stream is now. */
  async subscribe(
    from: StreamPosition | undefined,
    onItem: (item: StreamItem) => void,
    options: RemoteCallOptions,
  ): Promise<StreamPosition> {
    this.#onItem = onItem;
    const params = from === undefined ? {} : { ...from };
    return parsePosition(await this.call('$/subscribe', params, options));
  }

  /** Closes; calls without an answer are rejected, and their tasks go on. */
  close(): void {
    this.#socket.destroy();
  }

  #request(id: number, task: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy);
    if (this.#pending.size >= PENDING_MAX) {
      const message = `${this.#options.who} has ${PENDING_MAX} calls under way; try again later`;
      return Promise.reject(new ManagerError('VM_NOT_READY', { message }));
    }
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { task, resolve, reject });
      this.#send(renderRequest(id, task, params));
    });
  }

  #send(line: string): void {
    if (this.#socket.writable) this.#socket.write(line);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#take(line);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.#socket.destroy();
    }
  }

  #take(line: string): void {
    const message = parseMessage(line);
    switch (message.kind) {
      case 'event':
        this.#onItem?.(message.item);
        return;
      case 'result':
        this.#pending.get(message.id)?.resolve(message.value);
        return;
      case 'failure':
        this.#refuse(message.id, message.failure);
        return;
      case 'other':
    }
  }

  #refuse(id: number | undefined, failure: RemoteFailure): void {
    if (id === undefined) {
      const message = `The monitor takes no requests from here: ${failure.texts.join(': ')}`;
      throw new ProtocolError('PROTOCOL_REMOTE', { message });
    }
    const call = this.#pending.get(id);
    call?.reject(refusalError(this.#options.who, call.task, failure));
  }

  #fail(error: Error): void {
    this.#closedBy ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#closedBy);
    this.#pending.clear();
  }
}

function notThere(socketPath: string, cause?: unknown): ConnectError {
  return new ConnectError('CONNECT_FAILED', {
    message: `No monitor answers on ${socketPath}`,
    context: { path: socketPath },
    cause,
  });
}
