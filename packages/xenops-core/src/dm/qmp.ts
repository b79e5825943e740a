/**
 * QMP, the protocol that qemu is steered by (docs/interop/qmp-spec.txt): one JSON object a line, both ways, on a unix socket. A guest can
 * take its device model over, so what comes is checked and bounded like a guest's own words, and every command has a deadline.
 */
import { createConnection, type Socket } from 'node:net';
import { DeviceModelError, hasCode } from '../errors.ts';
import { systemClock, type Clock } from '../host/clock.ts';
import { withDeadline } from '../lifetime/deadline.ts';
import { guestText } from '../parse/guest-text.ts';

/** No answer of a command that we use comes near this; a longer line is an attack. */
const LINE_BYTES_MAX = 1 << 20;
/** Answers that may be outstanding; we ask one thing at a time and a few more on shutting down. */
const PENDING_MAX = 64;

export const QMP_TIMEOUTS = {
  /** libxl's (LIBXL_QMP_CMD_TIMEOUT, LIBXL_QMP_CONNECT). */
  connectMs: 5_000,
  commandMs: 10_000,
} as const;

/** What qemu tells without being asked, such as `SHUTDOWN` or `RESET`. */
export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface QmpOptions {
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly timeoutMs?: number | undefined;
}

interface SendOption {
  /** Sends the line in place of the client, by the socket's descriptor: with an open file. */
  readonly send?: ((socketFd: number, line: string) => void) | undefined;
}

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to one qemu. Its end tells of the death of the process, at once. */
export class QmpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #clock: Clock;
  /** Resolves when the connection ends, by either side. */
  readonly closed: Promise<void>;
  #parts: Buffer[] = [];
  #bufferedBytes = 0;
  #nextId = 1;
  #greeted: () => void = () => undefined;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#failAll();
        resolve();
      });
    });
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Connects and negotiates. Rejects with DM_UNAVAILABLE (nobody listens, or hangs up), TIMEOUT or ABORTED. */
  static async connect(socketPath: string, options: QmpOptions = {}): Promise<QmpClient> {
    const { signal, clock = systemClock, timeoutMs = QMP_TIMEOUTS.connectMs } = options;
    const socket = createConnection({ path: socketPath });
    const client = new QmpClient(socket, clock);
    try {
      return await withDeadline(
        { what: `the device model at ${socketPath} to answer` },
        { timeoutMs, signal, clock },
        async () => {
          const greeting = new Promise<void>((resolve) => (client.#greeted = resolve));
          const isOpen = await Promise.race([
            greeting.then(() => true),
            client.closed.then(() => false),
          ]);
          if (!isOpen)
            throw unavailable(`Nobody answers at the device model's socket ${socketPath}`);
          await client.execute('qmp_capabilities', {}, options);
          return client;
        },
      );
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Runs a command and gives what it returns. Rejects with DM_COMMAND_FAILED (qemu's words quoted), DM_UNAVAILABLE, TIMEOUT or ABORTED. */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    { signal, timeoutMs = QMP_TIMEOUTS.commandMs, send }: QmpOptions & SendOption = {},
  ): Promise<unknown> {
    if (this.#socket.destroyed || this.#pending.size >= PENDING_MAX) {
      throw unavailable(
        `The device model cannot be asked to ${command}: the connection is closed or stuck`,
      );
    }
    const id = this.#nextId;
    this.#nextId += 1;
    try {
      return await withDeadline(
        { what: `the device model to ${command}` },
        { timeoutMs, signal, clock: this.#clock },
        () =>
          new Promise<unknown>((resolve, reject) => {
            this.#pending.set(id, { command, resolve, reject });
            const request = Object.keys(args).length === 0 ? {} : { arguments: args };
            const line = `${JSON.stringify({ execute: command, ...request, id })}\n`;
            if (send === undefined) this.#socket.write(line);
            else send(descriptorOf(this.#socket), line);
          }),
      );
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Calls `listener` for each event until the returned object is disposed of. */
  onEvent(listener: (event: QmpEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  #receive(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#parts, rest.subarray(0, end)]).toString('utf8');
      this.#parts = [];
      this.#bufferedBytes = 0;
      rest = rest.subarray(end + 1);
      this.#handle(line);
    }
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#bufferedBytes += rest.length;
    if (this.#bufferedBytes > LINE_BYTES_MAX) this.#socket.destroy();
  }

  #handle(line: string): void {
    const message = findObject(line);
    if (message === undefined) {
      this.#socket.destroy();
      return;
    }
    if ('QMP' in message) {
      this.#greeted();
      return;
    }
    const { id, event, data, error } = message;
    if (typeof event === 'string') {
      this.#tell({ name: event, data: isObject(data) ? data : {} });
      return;
    }
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
    if (pending === undefined) return;
    if (error === undefined) pending.resolve(message['return']);
    else pending.reject(commandFailed(pending.command, error));
  }

  #tell(event: QmpEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch {
        // One listener's failure is not another's, nor the connection's.
        this.#listeners.delete(listener);
      }
    }
  }

  #failAll(): void {
    for (const { command, reject } of [...this.#pending.values()]) {
      reject(unavailable(`The device model went away before it did ${command}`));
    }
    this.#pending.clear();
  }
}

/** Node.js has no public name for it, and no other way to pass a file. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = '_handle' in socket ? socket._handle : undefined;
  const fd: unknown = isObject(handle) ? handle['fd'] : undefined;
  if (typeof fd === 'number' && fd >= 0) return fd;
  throw unavailable('The connection to the device model has no descriptor');
}

function findObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function commandFailed(command: string, error: unknown): DeviceModelError {
  const { class: kind, desc } = isObject(error) ? error : { class: undefined, desc: undefined };
  const why = typeof desc === 'string' ? guestText(desc) : 'it does not say why';
  return new DeviceModelError('DM_COMMAND_FAILED', {
    message: `The device model did not ${command}: ${why}`,
    context: { command, class: typeof kind === 'string' ? guestText(kind) : undefined },
  });
}

function unavailable(message: string): DeviceModelError {
  return new DeviceModelError('DM_UNAVAILABLE', { message });
}

/** Whether the error says that there is no device model any more. */
export function isGone(error: unknown): boolean {
  return hasCode(error, 'DM_UNAVAILABLE');
}
