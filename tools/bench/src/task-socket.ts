/** A connection to a monitor: JSON-RPC 2.0, one object a line, as its README describes. */
import { once } from 'node:events';
import { watch } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';

/** Below what a monitor lets one connection have under way. */
const PENDING_MAX = 64;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class TaskSocket implements Disposable {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  #text = '';
  #nextId = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#push(chunk));
    socket.on('close', () => this.#fail(new Error('The monitor has closed the connection')));
    socket.on('error', () => undefined);
  }

  static async open(socketPath: string): Promise<TaskSocket> {
    const socket = createConnection({ path: socketPath });
    await once(socket, 'connect');
    return new TaskSocket(socket);
  }

  /** Connects once the socket is there. */
  static async waitFor(socketPath: string, timeoutMs: number): Promise<TaskSocket> {
    const folder = path.dirname(path.dirname(socketPath));
    const signal = AbortSignal.timeout(timeoutMs);
    const changes = watch(folder, { recursive: true, signal })[Symbol.asyncIterator]();
    for (;;) {
      // Before the attempt: it begins to watch only when it is asked.
      const change = changes.next();
      change.catch(() => undefined);
      const found = await TaskSocket.open(socketPath).catch(() => undefined);
      if (found !== undefined) {
        await changes.return?.();
        return found;
      }
      if ((await change.catch(() => undefined)) === undefined) break;
    }
    throw new Error(`Nobody listens on ${socketPath}`);
  }

  /** Runs a task and gives its result; at most 64 at a time. */
  async call(method: string, params: object = {}): Promise<unknown> {
    while (this.#pending.size >= PENDING_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #push(chunk: string): void {
    const lines = (this.#text + chunk).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const { id, result, error } = JSON.parse(line) as {
        readonly id?: number;
        readonly result?: unknown;
        readonly error?: { readonly message: string };
      };
      const call = this.#pending.get(id ?? 0);
      this.#pending.delete(id ?? 0);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error.message));
      this.#waiting.shift()?.();
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
