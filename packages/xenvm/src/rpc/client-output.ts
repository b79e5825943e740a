/** What waits to be taken by one client. */
import type { Socket } from 'node:net';
import type { Clock } from '@xenops/core/host';

/** How much may wait, and for how long. */
export interface OutputOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly stallTimeoutMs: number;
  /** Called when there is room again after `isFull`. */
  readonly onRoom: () => void;
}

/**
 * Writes to a socket, and destroys it when the peer takes nothing for the time allowed. Who writes without being asked,
 * such as an event stream, looks at `isFull` first.
 */
export class ClientOutput implements Disposable {
  readonly #options: OutputOptions;
  #watch: Disposable | undefined;
  #takenBytes = 0;
  #isEnding = false;

  constructor(options: OutputOptions) {
    this.#options = options;
    options.socket.on('drain', () => {
      if (!this.#isEnding) this[Symbol.dispose]();
      options.onRoom();
    });
  }

  /** Whether the high-water mark of the socket is reached; `onRoom` says when there is room again. */
  get isFull(): boolean {
    return this.#options.socket.writableNeedDrain;
  }

  write(text: string): void {
    const { socket } = this.#options;
    if (socket.writable && !socket.write(text)) this.#watchPeer();
  }

  /** Sends this and what waits, then closes, whether the peer takes it or not. */
  end(text?: string): void {
    const { socket } = this.#options;
    if (text === undefined) socket.end();
    else socket.end(text);
    this.#isEnding = true;
    this.#watchPeer();
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  #watchPeer(): void {
    if (this.#watch !== undefined) return;
    const { socket, clock, stallTimeoutMs } = this.#options;
    this.#takenBytes = taken(socket);
    this.#watch = clock.startTimer(stallTimeoutMs, () => {
      this.#watch = undefined;
      if (taken(socket) === this.#takenBytes) socket.destroy();
      else this.#watchPeer();
    });
  }
}

function taken(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength;
}
