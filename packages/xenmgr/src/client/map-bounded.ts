import { setMaxListeners } from 'node:events';
import type { CallOptions } from '@xenops/rpcgen/runtime';

/**
 * Calls of ours that may wait for their replies together. A bus daemon refuses more than its limit for a connection,
 * 128 by default since dbus 1.8.8 (`max_replies_per_connection`, bus/config-parser.c).
 */
const PENDING_MAX = 64;

/** How to ask. */
export interface BoundedOptions {
  /** How many calls one question makes. */
  readonly callsEach: number;
  readonly options: CallOptions | undefined;
}

/**
 * Asks about every item, several at a time, and gives the answers in order; an answer of undefined is left out. The
 * first failure is thrown, and no further question asked.
 */
export async function mapBounded<T, R extends object>(
  items: readonly T[],
  { callsEach, options }: BoundedOptions,
  ask: (item: T, options: CallOptions) => Promise<R | undefined>,
): Promise<readonly R[]> {
  const ours = withRoomForCalls(options);
  const answers: (R | undefined)[] = items.map(() => undefined);
  const queue = [...items.entries()].reverse();
  const work = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const [index, item] = next;
      answers[index] = await ask(item, ours);
    }
  };
  const workers = Array.from({ length: Math.floor(PENDING_MAX / callsEach) }, work);
  try {
    await Promise.all(workers);
  } finally {
    queue.length = 0;
  }
  return answers.filter((answer) => answer !== undefined);
}

/** Every pending call listens to the signal, and Node warns of more than ten listeners on one. */
function withRoomForCalls(options: CallOptions = {}): CallOptions {
  if (options.signal === undefined) return options;
  const signal = AbortSignal.any([options.signal]);
  setMaxListeners(PENDING_MAX, signal);
  return { ...options, signal };
}
