import { expect, test } from '@jest/globals';
import { decideKeepAlive, HOLDS_AFTER_MS, QUICK_ENDS_MAX } from './keep-alive.ts';

test('a VM that held is started again at once, and earlier ends are forgotten', () => {
  const after = { kind: 'restart', delayMs: 0, quickEnds: 0 };
  expect(decideKeepAlive(HOLDS_AFTER_MS, 5)).toEqual(after);
});

test('one that does not hold is started later each time, and left alone in the end', () => {
  const delays: (number | string)[] = [];
  for (let ends = 0; ends <= QUICK_ENDS_MAX; ends += 1) {
    const decision = decideKeepAlive(ends === 0 ? undefined : HOLDS_AFTER_MS - 1, ends);
    delays.push(decision.kind === 'restart' ? decision.delayMs : decision.kind);
    expect(decision.quickEnds).toBe(ends + 1);
  }
  expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 'give-up']);
});
