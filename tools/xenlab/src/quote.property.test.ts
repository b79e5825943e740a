import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LabError } from './errors.ts';
import { quoteCommand, quoteWord } from './quote.ts';

const argument = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));

test('a shell gives a program exactly the arguments that were quoted', () => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 5 }), (argv) => {
      const script = quoteCommand(['printf', String.raw`%s\0`, ...argv]);
      const seen = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
      expect(seen).toBe(argv.length === 0 ? '\0' : argv.map((text) => `${text}\0`).join(''));
    }),
    { numRuns: 50 },
  );
});

test('a NUL is refused', () => {
  expect(() => quoteWord('a\0b')).toThrow(LabError);
});

test.each([
  ['', "''"],
  ['a b', "'a b'"],
  ["it's", String.raw`'it'\''s'`],
  ['/usr/bin/xl', '/usr/bin/xl'],
])('%j is written as %s', (text, quoted) => {
  expect(quoteWord(text)).toBe(quoted);
});
