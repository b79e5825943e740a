import type { Clock } from '@xenops/core/host';

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** A clock that stands still until it is turned by hand. */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  startTimer(delayMs: number, fire: () => void): Disposable {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), fire };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Turns the clock on; timers fire in the order in which they are due, those started meanwhile too. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (
      let next = this.#earliest();
      next !== undefined && next.dueMs <= endMs;
      next = this.#earliest()
    ) {
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.fire();
    }
    this.#nowMs = endMs;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (earliest === undefined || timer.dueMs < earliest.dueMs) earliest = timer;
    }
    return earliest;
  }
}
