import { expect, test } from '@jest/globals';
import { cacheKey } from './cache-key.ts';

test('the order of the inputs does not matter', () => {
  expect(cacheKey({ a: 1, b: ['x'] })).toBe(cacheKey({ b: ['x'], a: 1 }));
});

test.each([
  ['a value', { a: 2, b: ['x'] }],
  ['the order of a list', { a: 1, b: ['y', 'x'] }],
  ['a name', { c: 1, b: ['x', 'y'] }],
])('%s makes another key', (_what, inputs) => {
  expect(cacheKey(inputs)).not.toBe(cacheKey({ a: 1, b: ['x', 'y'] }));
});
