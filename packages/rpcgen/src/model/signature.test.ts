import { describe, expect, test } from '@jest/globals';
import { parseSignature, parseType, renderType, SignatureError } from './signature.ts';

describe('parsing a type', () => {
  test('gives the tree of a nested type', () => {
    expect(parseType('a{s(ayv)}')).toEqual({
      kind: 'dict',
      key: { kind: 'basic', code: 's' },
      value: {
        kind: 'struct',
        fields: [{ kind: 'array', element: { kind: 'basic', code: 'y' } }, { kind: 'variant' }],
      },
    });
  });

  test.each([
    ['', 'a type is missing', 0],
    ['a', 'a type is missing at its end', 1],
    ['ss', 'only one complete type can stand here', 1],
    ['z', '"z" is no type code', 0],
    ['()', 'a struct has at least one field', 0],
    ['(s', '")" is missing at its end', 0],
    ['s)', '")" has no "(" before it', 1],
    ['{ss}', 'a dictionary entry stands only inside an array', 0],
    ['a{vs}', 'the key of a dictionary is of a basic type', 2],
    ['a{s}', 'a dictionary entry needs a value type', 3],
    ['a{sss}', 'a dictionary entry has a key, a value and "}"', 4],
    ['a{ss', 'a dictionary entry has a key, a value and "}"', 4],
    [`${'a'.repeat(33)}y`, 'arrays nest at most 32 deep', 32],
    [`${'('.repeat(33)}y${')'.repeat(33)}`, 'structs nest at most 32 deep', 32],
    [`(${'y'.repeat(254)})`, 'a signature has at most 255 bytes', 255],
  ])('refuses %j: %s', (text, message, index) => {
    let thrown: unknown;
    try {
      parseType(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SignatureError);
    expect(thrown).toMatchObject({ message, index });
  });

  test('takes the deepest and the longest that the specification allows', () => {
    for (const text of [
      `${'a'.repeat(32)}y`,
      `${'('.repeat(32)}y${')'.repeat(32)}`,
      `${'a'.repeat(32)}${'('.repeat(32)}y${')'.repeat(32)}`,
      `(${'y'.repeat(253)})`,
    ]) {
      expect(renderType(parseType(text))).toBe(text);
    }
  });
});

test('a signature is any number of types', () => {
  expect(parseSignature('')).toEqual([]);
  expect(parseSignature('sa{sv}u').map(renderType)).toEqual(['s', 'a{sv}', 'u']);
});
