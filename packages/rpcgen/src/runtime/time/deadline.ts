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
