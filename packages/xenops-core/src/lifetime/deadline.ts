import { AbortedError, TimeoutError } from '../errors.ts';
import { type Clock, systemClock } from '../host/clock.ts';

/** How long to wait and what can call the wait off. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/** What is waited for, for the error messages: "the guest to acknowledge the shutdown of domain 7". */
export interface AwaitedThing {
  readonly what: string;
  /** What was last seen, asked only when the deadline has passed. */
  readonly lastState?: () => string;
}

/** What was last seen; a description that fails must not keep the wait from ending. */
function tellState(lastState: (() => string) | undefined): string | undefined {
  try {
    return lastState?.();
  } catch {
    return 'unknown';
  }
}

/** Rejects with ABORTED when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw aborted(what, signal);
}

function aborted(what: string, signal: AbortSignal): AbortedError {
  return new AbortedError({ message: `Gave up waiting for ${what}`, cause: signal.reason });
}

/**
 * Runs `start` with a signal of its own that fires when the caller's does or the time is over, and rejects then with
 * ABORTED or TIMEOUT even if `start` does not come back. `start` must release what it holds when its signal fires.
 */
export async function withDeadline<T>(
  { what, lastState }: AwaitedThing,
  { timeoutMs, signal, clock = systemClock }: WaitOptions,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal, what);
  const own = new AbortController();
  let reject: (error: Error) => void = () => undefined;
  const stopped = new Promise<never>((_, rejectStopped) => {
    reject = rejectStopped;
  });
  const stop = (error: Error): void => {
    reject(error);
    own.abort(error);
  };
  const onAbort = (): void => {
    if (signal !== undefined) stop(aborted(what, signal));
  };
  const timer = clock.startTimer(timeoutMs, () => {
    const state = tellState(lastState);
    stop(
      new TimeoutError({
        message: `Waited ${timeoutMs / 1000} s in vain for ${what}`,
        context: state === undefined ? { timeoutMs } : { timeoutMs, lastState: state },
      }),
    );
  });
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([start(own.signal), stopped]);
  } finally {
    timer[Symbol.dispose]();
    signal?.removeEventListener('abort', onAbort);
  }
}
