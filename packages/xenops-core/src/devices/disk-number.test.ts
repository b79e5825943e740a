import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { diskNumber, findDiskName, formatDiskName, parseDiskName } from './disk-number.ts';

describe('the name of a virtual disk', () => {
  // docs/man/xen-vbd-interface and the original's own examples.
  test.each([
    ['hda', 768],
    ['hdc', 5632],
    ['hdd1', 5697],
    ['xvda', 51712],
    ['xvdb1', 51729],
    ['xvdp15', 51967],
    ['xvdq', 268439552],
    ['xvda16', 268435472],
    ['sda', 2048],
    ['d0p1', 51713],
    ['/dev/xvdc', 51744],
    ['xvdaa', (1 << 28) | (26 << 8)],
  ])('%s has the number %d', (name, number) => {
    expect(diskNumber(parseDiskName(name))).toBe(number);
  });

  test.each([
    '',
    'xvd',
    'hde',
    'sdq',
    'sda16',
    'xvda256',
    'xvda01',
    'vda',
    'xvdA',
    'xvdzzzzz',
    '../x',
  ])('is not %j', (name) => {
    expect(() => parseDiskName(name)).toThrow(
      expect.objectContaining({ code: 'CONFIG_BAD_VALUE' }),
    );
  });

  test('survives its number', () => {
    const name = fc.record({
      bus: fc.constant('xvd' as const),
      disk: fc.nat({ max: (1 << 20) - 1 }),
      partition: fc.nat({ max: 255 }),
    });
    fc.assert(
      fc.property(name, (disk) => {
        expect(findDiskName(diskNumber(disk))).toEqual(disk);
        if (disk.disk < 26 * 27 * 26) expect(parseDiskName(formatDiskName(disk))).toEqual(disk);
      }),
    );
  });

  test('of a number that no disk has is undefined', () => {
    expect([-1, 0.5, 1, 4096, (3 << 8) | 0x80, 2 ** 29].map(findDiskName)).toEqual(
      Array(6).fill(undefined),
    );
  });
});
