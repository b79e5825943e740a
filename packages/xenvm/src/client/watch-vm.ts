/** Events of a VM for as long as one wants, over restarts of its monitor. */
import { hasCode } from '@xenops/core/errors';
import { systemClock } from '@xenops/core/host';
import type { EventItem, EventPosition } from '../notify/event-log.ts';
import { connectVm } from './vm-client.ts';

/** The wait before the first attempt to connect again, doubled for each further one up to the maximum. */
const FIRST_DELAY_MS = 50;
const DELAY_MAX_MS = 5000;

/** What to watch. */
export interface WatchOptions {
  readonly socketPath: string;
  /** For one attempt to connect. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Where to go on; a snapshot comes first without it, and whenever something may have been missed. */
  readonly from?: EventPosition | undefined;
}

/** The events. Ends when the signal fires or the consumer stops; errors other than of the connection are thrown. */
export async function* watchVm(options: WatchOptions): AsyncGenerator<EventItem, void, undefined> {
  const { signal } = options;
  let position = options.from;
  let delayMs = FIRST_DELAY_MS;
  while (signal?.aborted !== true) {
    try {
      await using client = await connectVm(options);
      for await (const item of client.events(position, { signal })) {
        position = positionAfter(item, position);
        delayMs = FIRST_DELAY_MS;
        yield item;
      }
    } catch (error) {
      if (!hasCode(error, 'CONNECT_FAILED', 'TIMEOUT', 'ABORTED')) throw error;
    }
    await pause(delayMs, signal);
    delayMs = Math.min(delayMs * 2, DELAY_MAX_MS);
  }
}

function positionAfter(
  item: EventItem,
  before: EventPosition | undefined,
): EventPosition | undefined {
  if (item.kind === 'snapshot') return { epoch: item.epoch, sequence: item.sequence };
  return before === undefined ? undefined : { ...before, sequence: item.sequence };
}

/** Resolves after the time, or when the signal fires. */
async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = systemClock.startTimer(delayMs, done);
    signal?.addEventListener('abort', done);
  });
}
