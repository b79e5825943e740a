import { expect, test } from '@jest/globals';
import { LabError } from './errors.ts';
import { parseMemoryMib } from './memory-size.ts';

test.each([
  ['6G', 6144],
  ['2048M', 2048],
  ['2048', 2048],
])('%s is %d MiB', (text, mib) => {
  expect(parseMemoryMib(text)).toBe(mib);
});

test.each(['', '1G', '6T', '6.5G', '-6G'])('"%s" is refused', (text) => {
  expect(() => parseMemoryMib(text)).toThrow(LabError);
});
