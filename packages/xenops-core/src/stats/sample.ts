import { AbortedError } from '../errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Host } from '../host/host.ts';
import { readStats, type StatsOptions, type StatsSnapshot } from './snapshot.ts';

export interface SampleOptions extends StatsOptions {
  /** From one snapshot to the next. */
  readonly intervalMs: number;
  /** How many; without end unless said. */
  readonly count?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Snapshots at intervals of the host's clock, the first one at once. Ends, without an error, when the signal fires. */
export async function* sampleStats(
  host: Host,
  { intervalMs, count = Infinity, signal, ...options }: SampleOptions,
): AsyncGenerator<StatsSnapshot, void, void> {
  const { clock } = host.services;
  let dueMs = clock.nowMs();
  for (let taken = 0; taken < count && signal?.aborted !== true; taken += 1) {
    yield await readStats(host, options);
    if (taken + 1 >= count) return;
    // From when it was due, so that what a snapshot costs does not add up; never a burst to catch up.
    dueMs = Math.max(dueMs + intervalMs, clock.nowMs());
    try {
      await until(clock, dueMs, signal);
    } catch {
      return;
    }
  }
}

function until(clock: Clock, dueMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer[Symbol.dispose]();
      reject(new AbortedError({ message: 'Gave up waiting for the next figures' }));
    };
    const timer = clock.startTimer(Math.max(0, dueMs - clock.nowMs()), () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
