import { expect, test } from '@jest/globals';
import type { Clock } from '@xenops/core/host';
import { Turns } from './take-turns.ts';

/** A clock whose only timers are started and fired by hand. */
function handClock(): {
  readonly clock: Clock;
  readonly fire: () => void;
  readonly count: () => number;
} {
  const timers = new Set<() => void>();
  return {
    clock: {
      nowMs: () => 0,
      startTimer(_ms, act) {
        timers.add(act);
        return { [Symbol.dispose]: () => void timers.delete(act) };
      },
    },
    fire: () => {
      for (const act of timers) act();
    },
    count: () => timers.size,
  };
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('work is done one at a time, in order, failures too', async () => {
  const { clock, count } = handClock();
  const turns = new Turns(clock);
  const log: string[] = [];
  const work = (name: string) => async (): Promise<string> => {
    log.push(`${name} begins`);
    await settled();
    log.push(`${name} ends`);
    if (name === 'b') throw new Error('no');
    return name;
  };
  const ends = await Promise.allSettled(['a', 'b', 'c'].map((name) => turns.take(work(name))));
  expect(log).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await settled();
  expect(count()).toBe(0);
});

test('one that does not end has its time, and then the next one begins', async () => {
  const { clock, fire } = handClock();
  const turns = new Turns(clock);
  void turns.take(() => new Promise(() => undefined));
  let isDone = false;
  const next = turns.take(async () => {
    isDone = true;
  });
  await settled();
  expect(isDone).toBe(false);
  fire();
  await next;
  expect(isDone).toBe(true);
});
