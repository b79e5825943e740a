import { expect, test } from '@jest/globals';
import { HeapTidier } from './heap-tidier.ts';

/** A clock whose timer is fired by hand. */
class HandClock {
  readonly timers: (() => void)[] = [];
  nowMs(): number {
    return 0;
  }
  startTimer(_delayMs: number, fire: () => void): Disposable {
    this.timers.push(fire);
    return { [Symbol.dispose]: () => void this.timers.splice(0) };
  }
  fire(): void {
    this.timers.shift()?.();
  }
}

test('garbage is collected once, when no operation has ended for a while', () => {
  const clock = new HandClock();
  let count = 0;
  using tidier = new HeapTidier(clock, () => (count += 1));
  expect(clock.timers).toHaveLength(0);
  tidier.noteWork();
  tidier.noteWork();
  expect(clock.timers).toHaveLength(1);
  clock.fire();
  expect([count, clock.timers.length]).toEqual([0, 1]);
  clock.fire();
  expect([count, clock.timers.length]).toEqual([1, 0]);
  tidier.noteWork();
  clock.fire();
  expect([count, clock.timers.length]).toEqual([2, 0]);
});

test('nothing is collected after the end', () => {
  const clock = new HandClock();
  const tidier = new HeapTidier(clock, () => expect('a collection').toBe('none'));
  tidier.noteWork();
  tidier[Symbol.dispose]();
  expect(clock.timers).toHaveLength(0);
});

test('the collector of Node is reached', () => {
  const clock = new HandClock();
  const lost = new WeakRef({ text: 'garbage' });
  using tidier = new HeapTidier(clock);
  tidier.noteWork();
  clock.fire();
  return new Promise<void>((resolve) => {
    setImmediate(() => {
      // Its target is kept until the end of the job that made it.
      tidier.noteWork();
      clock.fire();
      expect(lost.deref()).toBeUndefined();
      resolve();
    });
  });
});
