import { WATCH_PENDING_PATHS_MAX } from '../limits.ts';
import type { Watch, WatchEvent } from '../xenstore.ts';

/**
 * Events of one watch between their arrival and the consumer's turn. An event only says "look here again", so a path
 * that is waiting already is not queued twice, and too many different ones become one `resync`.
 */
export class WatchQueue implements Watch {
  readonly path: string;
  readonly #unwatch: () => Promise<void>;
  readonly #pending = new Set<string>();
  #resync = false;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(path: string, unwatch: () => Promise<void>) {
    this.path = path;
    this.#unwatch = unwatch;
  }

  /** Queues an event for the path. */
  push(path: string): void {
    if (this.#pending.size >= WATCH_PENDING_PATHS_MAX && !this.#pending.has(path)) {
      this.resync();
    } else {
      this.#pending.add(path);
    }
    this.#wake?.();
  }

  /** Tells the consumer that anything may have changed. */
  resync(): void {
    this.#pending.clear();
    this.#resync = true;
    this.#wake?.();
  }

  /** No more events: the iteration ends, or throws `failure`. */
  end(failure?: Error): void {
    this.#ended = true;
    this.#failure = failure;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, undefined> {
    for (;;) {
      const event = this.#take();
      if (event !== undefined) {
        yield event;
      } else if (this.#ended) {
        if (this.#failure !== undefined) throw this.#failure;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.end();
    await this.#unwatch();
  }

  #take(): WatchEvent | undefined {
    if (this.#resync) {
      this.#resync = false;
      return { kind: 'resync' };
    }
    for (const path of this.#pending) {
      this.#pending.delete(path);
      return { kind: 'changed', path };
    }
    return undefined;
  }
}
