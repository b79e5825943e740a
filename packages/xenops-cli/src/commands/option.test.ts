import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DOMID, FILE, MEMORY_KIB, SECONDS, TEXT, UUID, VCPUS } from './option.ts';

const BAD_VALUE = expect.objectContaining({ code: 'CONFIG_BAD_VALUE' });

describe('MEMORY_KIB', () => {
  test.each([
    ['0', 0],
    ['262144', 262_144],
    ['4k', 4],
    ['4K', 4],
    ['4KiB', 4],
    ['256M', 262_144],
    ['256m', 262_144],
    ['256MiB', 262_144],
    ['256MB', 262_144],
    ['1G', 1_048_576],
    ['1gib', 1_048_576],
    ['007M', 7168],
  ])('reads %s', (text, kib) => expect(MEMORY_KIB.parse(text)).toBe(kib));

  test.each([
    ...['', 'M', '-1', '+1', '1.5G', '1e3', '0x100', '1 G', ' 1G', '1G ', '1G\n', '1T', '1MM'],
    ...['1iM', '\u0661M', 'NaN', 'Infinity', '9'.repeat(400)],
  ])('refuses %.20j', (text) => expect(() => MEMORY_KIB.parse(text)).toThrow(BAD_VALUE));

  test.each(['256b', '256B', '256ib', '256iB'])(
    'refuses %s: a unit of bytes is none of those it names, and must not count as KiB',
    (text) => expect(() => MEMORY_KIB.parse(text)).toThrow(BAD_VALUE),
  );

  test('refuses more KiB than a number holds exactly', () => {
    expect(() => MEMORY_KIB.parse('9999999999G')).toThrow(BAD_VALUE);
  });

  test('reads every amount the same in each unit that can say it', () => {
    fc.assert(
      fc.property(fc.nat(900_000), (gib) => {
        const kib = MEMORY_KIB.parse(`${gib}G`);
        expect(MEMORY_KIB.parse(`${gib * 1024}M`)).toBe(kib);
        expect(MEMORY_KIB.parse(`${gib * 1024 * 1024}`)).toBe(kib);
      }),
    );
  });
});

describe('DOMID', () => {
  test.each([
    ['0', 0],
    ['7', 7],
    ['32751', 32_751],
  ])('reads %s', (text, value) => expect(DOMID.parse(text)).toBe(value));

  test.each(['', '-1', '32752', '65535', '1.0', '1e3', '0x1', ' 1', '1\n', 'dom0', '9'.repeat(40)])(
    'refuses %j',
    (text) => expect(() => DOMID.parse(text)).toThrow(BAD_VALUE),
  );
});

describe('SECONDS', () => {
  test.each([
    ['1', 1],
    ['2.5', 2.5],
    ['0.001', 0.001],
    ['604800', 604_800],
  ])('reads %s', (text, value) => expect(SECONDS.parse(text)).toBe(value));

  test.each(['', '0', '0.0', '0.000', '-1', '.5', '5.', '1e3', 'Infinity', '10000000', '1.2345'])(
    'refuses %j',
    (text) => expect(() => SECONDS.parse(text)).toThrow(BAD_VALUE),
  );
});

describe('VCPUS', () => {
  test('reads a whole number', () => expect(VCPUS.parse('16')).toBe(16));

  test.each(['', '-1', '1.5', 'one', '0x2'])('refuses %j', (text) => {
    expect(() => VCPUS.parse(text)).toThrow(BAD_VALUE);
  });
});

describe('UUID', () => {
  test('reads any case', () => {
    expect(UUID.parse('00112233-4455-6677-8899-AABBCCDDEEFF')).toBe(
      '00112233-4455-6677-8899-aabbccddeeff',
    );
  });

  test('refuses anything else', () => {
    expect(() => UUID.parse('00112233445566778899aabbccddeeff')).toThrow(BAD_VALUE);
  });
});

describe('FILE', () => {
  test('is absolute from the current folder, so that the host finds it too', () => {
    expect(FILE.parse('/boot/../vmlinuz')).toBe('/vmlinuz');
    expect(FILE.parse('vmlinuz')).toBe(`${process.cwd()}/vmlinuz`);
  });

  test.each(['', 'a\0b'])('refuses %j', (text) => {
    expect(() => FILE.parse(text)).toThrow(BAD_VALUE);
  });
});

describe('TEXT', () => {
  test('is taken as it is, empty too', () => {
    for (const text of ['', ' a ', '-x', 'a\nb']) expect(TEXT.parse(text)).toBe(text);
  });

  test('refuses a NUL', () => expect(() => TEXT.parse('a\0')).toThrow(BAD_VALUE));
});
