/** Waiting without doing anything, for as long as nobody calls it off. */
import type { Clock } from '@xenops/core/host';

/** Whether the signal has fired; asked by a function, because the compiler takes a property that was false to stay so. */
export function hasFired(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Resolves after the time, or when the signal fires. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || delayMs <= 0) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.startTimer(delayMs, done);
    signal.addEventListener('abort', done);
  });
}
