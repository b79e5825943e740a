import { expect, test } from '@jest/globals';
import { VirtualClock } from './virtual-clock.ts';

test('timers fire in the order in which they are due, with the time of their moment', () => {
  const clock = new VirtualClock(100);
  const fired: string[] = [];
  const start = (name: string, delayMs: number, then?: () => void): Disposable =>
    clock.startTimer(delayMs, () => {
      fired.push(`${name}@${clock.nowMs()}`);
      then?.();
    });
  start('b', 20, () => void start('d', 5));
  start('a', 10);
  start('late', 1000);
  const off = start('off', 15);
  off[Symbol.dispose]();
  clock.advance(50);
  expect(fired).toEqual(['a@110', 'b@120', 'd@125']);
  expect(clock.nowMs()).toBe(150);
});
