import { expect, test } from '@jest/globals';
import { SharedTimer } from './deadline.ts';

test('one timer sees to many deadlines, in their order, and never before their time', async () => {
  const waiting = new Map<string, number>();
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    const timer = new SharedTimer((nowMs) => {
      for (const [name, dueMs] of waiting) {
        if (dueMs > nowMs) continue;
        waiting.delete(name);
        seen.push(name);
      }
      if (waiting.size === 0) resolve();
      return Math.min(...waiting.values());
    });
    for (const [name, delayMs] of Object.entries({
      third: 60,
      first: 5,
      never: 1e12,
      second: 30,
    })) {
      waiting.set(name, timer.add(delayMs));
    }
    waiting.delete('never');
  });
  expect(seen).toEqual(['first', 'second', 'third']);
});

test('a deadline that is farther away than Node can count does not pass at once', async () => {
  let looks = 0;
  const timer = new SharedTimer(() => {
    looks++;
    return Infinity;
  });
  timer.add(1e12);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(looks).toBe(0);
  timer.stop();
});
