import { expect, test } from '@jest/globals';
import { parseType } from '@xenops/rpcgen';
import { jsonOf } from './json-value.ts';
import { parseArgument } from './parse-argument.ts';
import { renderValue } from './render-value.ts';
import { parseValueText } from './value-text.ts';

test.each([
  ['s', ' as "it" is ', ' as "it" is '],
  ['o', '/vm/1', '/vm/1'],
  ['b', '1', true],
  ['b', 'false', false],
  ['i', '-7', -7],
  ['x', '9007199254740993', 9_007_199_254_740_993n],
  ['d', '-1.25', -1.25],
  ['as', `["a", 'b', "say \\"no\\"", "c:\\\\d", "\\n"]`, ['a', 'b', 'say "no"', 'c:\\d', '\\n']],
  ['ai', '[]', []],
  ['ay', '[1, 255]', Uint8Array.of(1, 255)],
  [
    'a{ss}',
    '{"k" : "v", "l":"w"}',
    new Map([
      ['k', 'v'],
      ['l', 'w'],
    ]),
  ],
  ['(si)', `['a', 1]`, ['a', 1]],
  ['v', 's:a text: raw', { signature: 's', value: 'a text: raw' }],
  [
    'av',
    '[i:5, as:["a"]]',
    [
      { signature: 'i', value: 5 },
      { signature: 'as', value: ['a'] },
    ],
  ],
])('%s %s', (signature, text, value) => {
  expect(parseValueText(text, parseType(signature))).toEqual(value);
});

test.each([
  ['i', '2147483648', 'expected a whole number from -2147483648 to 2147483647, not "2147483648"'],
  ['y', '', 'expected a whole number from 0 to 255, not ""'],
  ['b', 'yes', 'expected true, false, 1 or 0, not "yes"'],
  ['o', 'vm', 'expected an object path such as /host, not "vm"'],
  ['as', 'a,b', 'expected a list such as ["text", "text"], not "a,b"'],
  ['as', '[a]', 'expected a text in quotes, such as "text" at character 2, not "[a]"'],
  ['as', '["a" "b"]', 'expected a comma or ] at character 6, not "[\\"a\\" \\"b\\"]"'],
  ['as', '["a', `expected the " that ends the text at character 4, not "[\\"a"`],
  [
    '(si)',
    '["a"]',
    'expected a list such as ["text", 1], with all fields at character 5, not "[\\"a\\"]"',
  ],
  [
    'a{ss}',
    '{"a"}',
    'expected a colon between the key and its value at character 5, not "{\\"a\\"}"',
  ],
  ['v', '5', 'expected a signature, a colon and a value, such as i:5 or s:text, not "5"'],
  ['h', '0', 'expected nothing: a file descriptor cannot be written as text, not "0"'],
])('of %s, %s is refused', (signature, text, message) => {
  expect(() => parseArgument(text, signature, () => 'argument 1')).toThrow(
    `error parsing argument 1: ${message} (type ${signature})`,
  );
});

test.each([
  ['d', 1, '1.0'],
  ['d', 0.1, '0.1'],
  ['d', 0.05, '5.0e-2'],
  ['d', 12_345_678, '1.2345678e7'],
  ['d', 9_999_999.5, '9999999.5'],
  ['d', -0, '-0.0'],
  ['d', Infinity, 'Infinity'],
  ['t', 18_446_744_073_709_551_615n, '18446744073709551615'],
  ['ay', Uint8Array.of(1, 2), '1\n2'],
  ['(sb)', ['a', true], 'a\ntrue'],
  ['aas', [['a', 'b'], ['c']], 'a\nb\nc'],
  [
    'v',
    { signature: 'a{sv}', value: new Map([['k', { signature: 'i', value: 1 }]]) },
    `{\n  "k"                            = 1\n}`,
  ],
])('of %s, %j is printed', (signature, value, text) => {
  expect(renderValue(parseType(signature), value)).toBe(text);
});

test('in JSON a number that JavaScript cannot hold is a text', () => {
  expect(jsonOf([1n, 9_007_199_254_740_993n, NaN, 1.5])).toEqual([
    1,
    '9007199254740993',
    'NaN',
    1.5,
  ]);
  expect(jsonOf(new Map([[1, { signature: 'ay', value: Uint8Array.of(7) }]]))).toEqual({
    '1': [7],
  });
});
