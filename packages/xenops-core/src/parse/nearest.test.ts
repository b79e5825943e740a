import { describe, expect, test } from '@jest/globals';
import { nearestWords } from './nearest.ts';

const KNOWN = ['memory', 'memory-max', 'memory-min', 'vcpus', 'kernel'];

describe('the words that are near', () => {
  test.each([
    ['is a letter short', 'memry', ['memory']],
    ['has one too many', 'vcpuss', ['vcpus']],
    ['has two swapped', 'memroy', ['memory']],
    ['is written in capitals', 'KERNEL', ['kernel']],
    ['is as near to two', 'memory-mux', ['memory-max', 'memory-min']],
    ['is another word', 'disk', []],
    ['is too short to be compared', 'cp', []],
    ['is no word', 'x'.repeat(1000), []],
  ])('one that %s', (_what, word, expected) => {
    expect(nearestWords(word, KNOWN)).toEqual(expected);
  });

  test('are offered once, the most similar first', () => {
    expect(nearestWords('memory-mi', ['memory-max', 'memory-min', 'memory-min'])).toEqual([
      'memory-min',
      'memory-max',
    ]);
  });
});
