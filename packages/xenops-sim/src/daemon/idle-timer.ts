import type { Clock } from '@xenops/core/host';

export interface IdleTimerOptions {
  readonly clock: Clock;
  /** 0 for never. */
  readonly timeoutMs: number;
  readonly onIdle: () => void;
}

/** Calls once when the count has been 0 for that long. */
export class IdleTimer implements Disposable {
  readonly #options: IdleTimerOptions;
  #timer: Disposable | undefined;

  constructor(options: IdleTimerOptions) {
    this.#options = options;
  }

  setCount(count: number): void {
    this[Symbol.dispose]();
    const { clock, timeoutMs, onIdle } = this.#options;
    if (count === 0 && timeoutMs > 0) this.#timer = clock.startTimer(timeoutMs, onIdle);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
