/**
 * Lines for listeners on TCP and unix sockets. Each line has a connection of its own, as listeners expect that read to
 * the end of one, but never two at a time, so that they keep their order.
 */
import { createConnection, type Socket } from 'node:net';
import { systemClock, type Clock } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { renderLine, type Notification } from './notification.ts';
import type { NotifyTarget, NotifyTransport } from './transport.ts';

/** Lines that wait for a slow listener; the oldest go first. */
const QUEUE_MAX = 1024;
/** For a listener to take one line. */
const LINE_TIMEOUT_MS = 5000;

/** How to deliver. */
export interface StreamOptions {
  readonly target: Extract<NotifyTarget, { kind: 'tcp' | 'unix' }>;
  readonly clock?: Clock;
  /** Told once per interruption, not for each line. */
  readonly onFailure: (error: unknown) => void;
}

/** See the module comment. */
export class StreamTransport implements NotifyTransport {
  readonly #options: StreamOptions;
  readonly #queue: string[] = [];
  #sending: Promise<void> | undefined;
  #isFailing = false;
  #droppedCount = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get droppedCount(): number {
    return this.#droppedCount;
  }

  send(notification: Notification): void {
    this.#queue.push(renderLine(notification));
    if (this.#queue.length > QUEUE_MAX) {
      this.#queue.shift();
      this.#droppedCount += 1;
    }
    this.#sending ??= this.#sendAll();
  }

  async flush(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) {
      try {
        await this.#sendOne(line);
        this.#isFailing = false;
      } catch (error) {
        this.#droppedCount += 1;
        if (!this.#isFailing) this.#options.onFailure(error);
        this.#isFailing = true;
      }
    }
    this.#sending = undefined;
  }

  async #sendOne(line: string): Promise<void> {
    const { target, clock = systemClock } = this.#options;
    const what = `the listener ${target.kind === 'tcp' ? `${target.host}:${target.port}` : target.path}`;
    await withDeadline({ what }, { timeoutMs: LINE_TIMEOUT_MS, clock }, (signal) =>
      deliver(open(target), line, signal),
    );
  }
}

function open(target: StreamOptions['target']): Socket {
  return target.kind === 'tcp'
    ? createConnection({ host: target.host, port: target.port })
    : createConnection({ path: target.path });
}

/** Resolves when the system has the line and the listener has seen the end, or at least taken the connection. */
function deliver(socket: Socket, line: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => resolve());
    // What a listener says is not ours to read.
    socket.resume();
    socket.end(line);
  });
}
