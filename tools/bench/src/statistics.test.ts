import { expect, test } from '@jest/globals';
import { comparisonLine, summarise } from './statistics.ts';

test('the median of an even count lies between the two in the middle', () => {
  const { p99, ...rest } = summarise([4, 1, 3, 2]);
  expect(rest).toEqual({ count: 4, median: 2.5, min: 1, max: 4 });
  expect(p99).toBeCloseTo(3.97);
});

test('no measurements are an error, not a zero', () => {
  expect(() => summarise([])).toThrow('No measurements');
});

test('the ratio is ours to the peer', () => {
  const line = comparisonLine('list', { ours: summarise([1]), peer: summarise([4]), unit: 's' });
  expect(line).toContain('list: ratio 0.25');
});
