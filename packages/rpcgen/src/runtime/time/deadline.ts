/** The only file of the run-time that knows real time. */

/** Something that was started and can be stopped. */
export interface Stoppable {
  stop(): void;
}

/** Calls back once after so many milliseconds, unless stopped before. */
export function startTimer(timeoutMs: number, onTimeout: () => void): Stoppable {
  const timer = setTimeout(onTimeout, timeoutMs);
  return { stop: () => clearTimeout(timer) };
}

/** Longest wait of a timer of Node; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * One timer for any number of deadlines, because most of them never pass. It does not keep the process running: what
 * is waited for does.
 */
export class SharedTimer {
  readonly #onDue: (nowMs: number) => number;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;

  /** `onDue` is called when the earliest deadline has passed; it gives the next one, Infinity for none. */
  constructor(onDue: (nowMs: number) => number) {
    this.#onDue = onDue;
  }

  /** Adds a deadline so many milliseconds from now, and gives it on the timer's clock. */
  add(delayMs: number): number {
    const nowMs = performance.now();
    const dueMs = nowMs + delayMs;
    if (dueMs < this.#dueMs) this.#arm(dueMs, nowMs);
    return dueMs;
  }

  /** Forgets all deadlines. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#dueMs = Infinity;
  }

  #arm(dueMs: number, nowMs: number): void {
    this.stop();
    this.#dueMs = dueMs;
    // Node rounds down; a deadline has passed only after its last millisecond.
    const delayMs = Math.min(Math.max(0, Math.ceil(dueMs - nowMs)), TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.#look(), delayMs);
    this.#timer.unref();
  }

  #look(): void {
    const nowMs = performance.now();
    this.#dueMs = Infinity;
    const nextMs = this.#onDue(nowMs);
    if (nextMs < this.#dueMs) this.#arm(nextMs, nowMs);
  }
}

/** Resolves after so many milliseconds, or at once when the signal fires. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
  });
}
