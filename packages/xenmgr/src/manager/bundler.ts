/**
 * Bundles what happens often into what is told seldom: the first event of a key starts a timer, and when it fires the key
 * is told once, however much has happened meanwhile. Nothing restarts the timer, so that nothing is put off without end.
 */
import type { Clock } from '@xenops/core/host';

export class Bundler implements Disposable {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #tell: (key: string) => void;
  readonly #timers = new Map<string, Disposable>();

  constructor(clock: Clock, delayMs: number, tell: (key: string) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#tell = tell;
  }

  /** Something has happened to the key. */
  add(key: string): void {
    if (this.#timers.has(key)) return;
    const fire = (): void => {
      this.#timers.delete(key);
      this.#tell(key);
    };
    this.#timers.set(key, this.#clock.startTimer(this.#delayMs, fire));
  }

  /** Forgets a key without telling it. */
  drop(key: string): void {
    this.#timers.get(key)?.[Symbol.dispose]();
    this.#timers.delete(key);
  }

  /** Forgets everything. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
