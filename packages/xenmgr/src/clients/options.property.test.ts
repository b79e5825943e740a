import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { flagsOf, readingsOf, type OptionRow } from './options.ts';

const TABLE: readonly OptionRow[] = [
  { name: 'object', short: 'o', alias: 'path', values: ['PATH'], help: '' },
  { name: 'set', short: 'x', values: ['PROPERTY', 'VALUE'], help: '' },
  { name: 'json', values: [], help: '' },
];

const option = fc
  .constantFrom(...TABLE)
  .chain((row) => fc.constantFrom(...flagsOf(row)).map((flag) => [flag, ...row.values]));
const leading = fc.array(option, { maxLength: 3 }).map((options) => options.flat());
const argument = fc.oneof(
  fc.constantFrom('-o', '--json', '-x', '--', '-5', ''),
  fc.string({ maxLength: 4 }),
);
const command = fc.tuple(fc.constantFrom('get', 'start'), fc.array(argument, { maxLength: 4 }));

test('the first reading is the old one: from the first word that is no option on, all are arguments', () => {
  fc.assert(
    fc.property(leading, command, (options, [name, args]) => {
      const [first] = readingsOf([...options, name, ...args], TABLE);
      expect(first?.words).toEqual([name, ...args]);
    }),
  );
});

test('every further reading takes options from the end, and nothing but options', () => {
  fc.assert(
    fc.property(command, leading, ([name, args], options) => {
      const words = [name, ...args, ...options];
      for (const reading of readingsOf(words, TABLE)) {
        expect(reading.words).toEqual(words.slice(0, reading.words.length));
        const taken = readingsOf(words.slice(reading.words.length), TABLE);
        expect(taken[0]).toEqual({ given: reading.given, words: [] });
      }
      const shortest = Math.min(...readingsOf(words, TABLE).map((one) => one.words.length));
      expect(shortest).toBeLessThanOrEqual(1 + args.length);
    }),
  );
});

test('"--" ends the options', () => {
  expect(readingsOf(['--json', '--', '-x', '--json'], TABLE)).toEqual([
    { given: new Map([['json', []]]), words: ['-x', '--json'] },
  ]);
});

test('a value may be attached to a long name', () => {
  expect(readingsOf(['--path=/a=b', 'get'], TABLE)[0]?.given.get('object')).toEqual(['/a=b']);
  expect(() => readingsOf(['--json=1'], TABLE)).toThrow('there is no option "--json=1"');
});
