import { describe, expect, test } from '@jest/globals';
import { DOM0, domid } from '../ids.ts';
import { ownedBy, parsePermission, parsePermissions, renderPermissions } from './permissions.ts';

const MALFORMED = expect.objectContaining({ code: 'PROTOCOL_REMOTE' });

describe('parsePermission', () => {
  test.each([
    ...['', 'r', '7', 'x7', 'R7', 'rw7', 'r-1', 'r 7', 'r07', 'r7 ', 'r7\n', 'r1.5', 'r0x7'],
    ...['r32752', 'r65535', 'r4294967296', 'n7 r0', '\0', 'b\u0667'],
  ])('refuses %j', (text) => {
    expect(() => parsePermission(text)).toThrow(MALFORMED);
  });

  test('quotes only the start of a very long text', () => {
    let thrown: unknown;
    try {
      parsePermission('r'.repeat(5000));
    } catch (error) {
      thrown = error;
    }
    expect(JSON.stringify(thrown).length).toBeLessThan(500);
  });

  test.each([
    ['n0', 0, 'none'],
    ['r7', 7, 'read'],
    ['w32751', 32_751, 'write'],
    ['b12', 12, 'both'],
  ])('reads %s', (text, id, access) => {
    expect(parsePermission(text)).toEqual({ domid: id, access });
  });
});

describe('parsePermissions', () => {
  test('refuses a list without an owner', () => {
    expect(() => parsePermissions([])).toThrow(MALFORMED);
  });

  test('refuses a list with one malformed entry', () => {
    expect(() => parsePermissions(['n0', 'r7', 'q8'])).toThrow(MALFORMED);
  });

  test('takes the first entry as the owner and as the default for everybody else', () => {
    expect(parsePermissions(['r3', 'b4', 'n5'])).toEqual({
      owner: 3,
      others: 'read',
      listed: [
        { domid: 4, access: 'both' },
        { domid: 5, access: 'none' },
      ],
    });
  });
});

describe('ownedBy', () => {
  test.each([
    ['guest-owned', ownedBy(domid(7)), ['n7']],
    ['read-only for the guest', ownedBy(DOM0, domid(7)), ['n0', 'r7']],
    ['of a stub domain', ownedBy(domid(9), domid(7)), ['n9', 'r7']],
  ])('gives the list that is %s', (_name, permissions, texts) => {
    expect(renderPermissions(permissions)).toEqual(texts);
  });
});
