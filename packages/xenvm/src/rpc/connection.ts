/** One client of a socket, whatever it sends. Its framing is known from its first byte. */
import type { Socket } from 'node:net';
import type { Clock } from '@xenops/core/host';
import { ClientOutput } from './client-output.ts';
import { framingOf } from './framing-codec.ts';
import { HistoricalSession } from './historical-session.ts';
import type { RpcLimits } from './limits.ts';
import { PersistentSession } from './persistent-session.ts';
import type { TaskPort } from './vm-port.ts';

/** What a connection works with. */
export interface ConnectionOptions {
  readonly port: TaskPort;
  readonly limits: RpcLimits;
  readonly clock: Clock;
  /** Takes errors that are nobody's answer: our own faults. */
  readonly report: (error: unknown) => void;
}

/** What a session needs of its connection. */
export interface SessionPort extends ConnectionOptions {
  readonly output: ClientOutput;
  /** Stops reading until there is room in the output again. */
  readonly pause: () => void;
}

/** A conversation in one of the framings. */
export interface Session {
  /** Whether a request has begun and not ended, so that its end has a deadline. */
  readonly isInRequest: boolean;
  /** Requests that have ended. */
  readonly requestCount: number;
  push(chunk: Uint8Array): void;
  /** The output can take more. */
  onRoom(): void;
  /** Ends when what is under way is answered: the client says nothing more, or we stop. */
  finish(): void;
  /** The connection is gone. */
  close(): void;
}

/** See the module comment. */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #output: ClientOutput;
  #session: Session | undefined;
  #deadline: Disposable | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { limits, clock } = options;
    const { stallTimeoutMs } = limits;
    const onRoom = (): void => {
      this.#session?.onRoom();
      socket.resume();
    };
    this.#output = new ClientOutput({ socket, clock, stallTimeoutMs, onRoom });
    this.#expectMore();
    socket.on('data', (chunk: Buffer) => this.#push(chunk));
    socket.on('end', () => this.finish());
    // What a broken connection means is said by 'close', which follows.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#close());
  }

  /** Answers what is under way and closes. */
  finish(): void {
    if (this.#session === undefined) this.#socket.destroy();
    else this.#session.finish();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #push(chunk: Buffer): void {
    const [first] = chunk;
    if (first === undefined) return;
    this.#session ??= this.#open(first);
    const { isInRequest: wasInRequest, requestCount } = this.#session;
    this.#socket.cork();
    this.#session.push(chunk);
    process.nextTick(() => this.#socket.uncork());
    if (!this.#session.isInRequest) this.#stopWaiting();
    else if (!wasInRequest || this.#session.requestCount > requestCount) this.#expectMore();
  }

  #open(first: number): Session {
    const port = {
      ...this.#options,
      output: this.#output,
      pause: () => void this.#socket.pause(),
    };
    return framingOf(first) === 'persistent'
      ? new PersistentSession(port)
      : new HistoricalSession(port);
  }

  #expectMore(): void {
    this.#stopWaiting();
    const { clock, limits } = this.#options;
    this.#deadline = clock.startTimer(limits.requestTimeoutMs, () => this.#socket.destroy());
  }

  #stopWaiting(): void {
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = undefined;
  }

  #close(): void {
    this.#stopWaiting();
    this.#output[Symbol.dispose]();
    this.#session?.close();
  }
}
