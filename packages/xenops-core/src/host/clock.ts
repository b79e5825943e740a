/** Time, as everything above it sees it: the machine's, or one that a test turns by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls `fire` once, after this time; disposing calls it off. A waiting timer keeps the process alive. */
  startTimer(delayMs: number, fire: () => void): Disposable;
}

/** Longest delay that a timer of Node takes, about 24 days. */
const TIMER_DELAY_MAX_MS = 0x7fffffff;

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  startTimer(delayMs, fire) {
    const timer = setTimeout(fire, Math.min(delayMs, TIMER_DELAY_MAX_MS));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
