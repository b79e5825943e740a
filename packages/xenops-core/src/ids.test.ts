import { describe, expect, test } from '@jest/globals';
import {
  bytesFromVmUuid,
  DOM0,
  domid,
  DOMID_FIRST_RESERVED,
  evtchn,
  findDomid,
  randomVmUuid,
  vmUuid,
  vmUuidFromBytes,
} from './ids.ts';

const BAD_VALUE = expect.objectContaining({ code: 'CONFIG_BAD_VALUE' });

describe('domid', () => {
  test.each([-1, 0x7ff0, 0x7ff1, 0xffff, 1.5, NaN, Infinity, -0.5])('refuses %p', (value) => {
    expect(() => domid(value)).toThrow(BAD_VALUE);
  });

  test('takes every number from 0 to the last before the reserved ones', () => {
    expect(domid(0)).toBe(DOM0);
    expect(domid(0x7fef)).toBe(DOMID_FIRST_RESERVED - 1);
  });

  test('says what is wrong and what would be right', () => {
    expect(() => domid(40_000)).toThrow(/0 to 32751.*40000/);
  });
});

describe('findDomid', () => {
  test.each([
    '',
    ' 1',
    '1 ',
    '+1',
    '-1',
    '01',
    '00',
    '1.0',
    '1e2',
    '0x1',
    '32752',
    '65535',
    '99999',
  ])('finds none in %p', (text) => expect(findDomid(text)).toBeUndefined());

  test.each(['100000', '\u0661', '1\n', '1\0', 'NaN'])('finds none in %p either', (text) => {
    expect(findDomid(text)).toBeUndefined();
  });

  test.each([
    ['0', 0],
    ['7', 7],
    ['32751', 32_751],
  ])('reads %p', (text, value) => expect(findDomid(text)).toBe(value));
});

describe('evtchn', () => {
  test.each([-1, 0.5, NaN, 2 ** 32])('refuses %p', (port) => {
    expect(() => evtchn(port)).toThrow(BAD_VALUE);
  });

  test('refuses 0, which is no positive number and never a port', () => {
    expect(() => evtchn(0)).toThrow(BAD_VALUE);
  });

  test('takes 1 and the largest 32-bit number', () => {
    expect([evtchn(1), evtchn(0xffffffff)]).toEqual([1, 0xffffffff]);
  });
});

describe('vmUuid', () => {
  test.each([
    '',
    '00112233445566778899aabbccddeeff',
    '00112233-4455-6677-8899-aabbccddeef',
    '00112233-4455-6677-8899-aabbccddeeff0',
    '0011223-34455-6677-8899-aabbccddeeff',
    '{00112233-4455-6677-8899-aabbccddeeff}',
    '00112233-4455-6677-8899-aabbccddeeff\n',
    '../12233-4455-6677-8899-aabbccddeeff',
    '0011223g-4455-6677-8899-aabbccddeeff',
  ])('refuses %p', (text) => {
    expect(() => vmUuid(text)).toThrow(BAD_VALUE);
  });

  test('is lower case whatever it was', () => {
    expect(vmUuid('00112233-4455-6677-8899-AABBCCDDEEFF')).toBe(
      '00112233-4455-6677-8899-aabbccddeeff',
    );
  });

  test('has its bytes in the order of the text', () => {
    const uuid = vmUuid('00112233-4455-6677-8899-aabbccddeeff');
    expect(Buffer.from(bytesFromVmUuid(uuid)).toString('hex')).toBe(
      '00112233445566778899aabbccddeeff',
    );
  });

  test('is not made of too few bytes', () => {
    expect(() => vmUuidFromBytes(new Uint8Array(15))).toThrow(BAD_VALUE);
  });

  test('is not made of too many bytes', () => {
    expect(() => vmUuidFromBytes(new Uint8Array(17))).toThrow(BAD_VALUE);
  });

  test('random ones are of version 4 with the variant of RFC 9562, and differ', () => {
    const uuids = Array.from({ length: 64 }, randomVmUuid);
    for (const uuid of uuids) expect(uuid).toMatch(/^.{8}-.{4}-4.{3}-[89ab].{3}-.{12}$/);
    expect(new Set(uuids).size).toBe(64);
  });
});
