import { describe, expect, test } from '@jest/globals';
import {
  camelise,
  capitalise,
  dashesToUnderscores,
  decamelise,
  decapitalise,
  dotsToUnderscores,
} from './case.ts';
import { argNames, NameTable, toIdentifier } from './name-table.ts';

describe('letter case is changed as the original generator did', () => {
  test.each([
    ['vm_nic', 'VmNic'],
    ['start_toast', 'StartToast'],
    ['toaster', 'Toaster'],
    ['_x__y', 'XY'],
    ['org', 'Org'],
  ])('camelise %s', (text, expected) => expect(camelise(text)).toBe(expected));

  test.each([
    ['GetURLList', 'get_urllist'],
    ['StartToast', 'start_toast'],
    ['start_toast', 'start_toast'],
    ['Introspect', 'introspect'],
  ])('decamelise %s', (text, expected) => expect(decamelise(text)).toBe(expected));

  test('the others change one thing only', () => {
    expect(capitalise('aB')).toBe('AB');
    expect(decapitalise('AB')).toBe('aB');
    expect(capitalise('')).toBe('');
    expect(dashesToUnderscores('a-b-c.d')).toBe('a_b_c.d');
    expect(dotsToUnderscores('a-b.c.d')).toBe('a-b_c_d');
  });
});

describe('a table of names', () => {
  const reserved = new Set(['class', 'class_2']);

  test('escapes reserved words and tells names apart that have become equal', () => {
    const table = new NameTable({ reserved });
    expect(
      ['class', 'class_', 'a-b', 'a_b', 'a.b', '9x', ''].map((name) => table.take(name)),
    ).toEqual(['class_', 'class__2', 'a_b', 'a_b_2', 'a_b_3', '_9x', '_']);
  });

  test('can ignore case', () => {
    const table = new NameTable({ reserved, ignoreCase: true });
    expect([table.take('Toast'), table.take('toast')]).toEqual(['Toast', 'toast_2']);
  });

  test('names arguments that have no name', () => {
    const args = [{ name: '' }, { name: 'arg0' }, { name: '' }];
    const table = new NameTable({ reserved });
    expect(argNames(args, { table, unnamed: 'arg' })).toEqual(['arg0', 'arg0_2', 'arg2']);
  });

  test('gives identifiers for any text', () => {
    expect(toIdentifier('größe')).toBe('gr__e');
  });
});
