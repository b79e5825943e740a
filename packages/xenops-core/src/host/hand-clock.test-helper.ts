import type { Clock } from './clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test turns it. */
export class HandClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs: number;

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  startTimer(delayMs: number, fire: () => void): Disposable {
    const timer = { dueMs: this.#nowMs + delayMs, fire };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Timers that would still fire; none may be left when nobody waits. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Turns the clock on, firing what comes due in the order of its time, and lets promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fire();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= untilMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/** Lets everything run that is only waiting for promises. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What a promise has come to so far, without waiting for it. */
export async function outcomeOf<T>(promise: Promise<T>): Promise<T | 'rejected' | 'pending'> {
  const state = promise.catch(() => 'rejected' as const);
  return Promise.race([state, settled().then(() => 'pending' as const)]);
}
