import { describe, expect, test } from '@jest/globals';
import { hvmLayout, pvhLayout } from './build-layout.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

describe('where the memory of a PVH guest lies', () => {
  test('a small guest has it all below the hole, which begins with the ACPI tables', () => {
    expect(pvhLayout(256 * MIB, 500)).toEqual({
      lowEndBytes: 256 * MIB,
      highEndBytes: 0,
      holeStartBytes: 0xfc000000,
      holeSizeBytes: 0x04000000,
      memoryMap: [
        { addressBytes: 0, sizeBytes: 256 * MIB, type: 1 },
        { addressBytes: 0xfeff8000, sizeBytes: 0x8000, type: 2 },
        { addressBytes: 0xfc000000, sizeBytes: 4096, type: 3 },
      ],
    });
  });
  test('a large guest has the rest above 4 GiB', () => {
    const { lowEndBytes, highEndBytes, memoryMap } = pvhLayout(6 * GIB, 4097);
    expect({ lowEndBytes, highEndBytes }).toEqual({
      lowEndBytes: 0xfc000000,
      highEndBytes: 4 * GIB + 6 * GIB - 0xfc000000,
    });
    expect(memoryMap.filter(({ type }) => type === 1).map(({ sizeBytes }) => sizeBytes)).toEqual([
      0xfc000000,
      6 * GIB - 0xfc000000,
    ]);
    expect(memoryMap.find(({ type }) => type === 3)?.sizeBytes).toBe(8192);
  });
});

describe('where the memory of an HVM guest lies', () => {
  test('hvmloader makes the map of the first MiB itself', () => {
    expect(hvmLayout(512 * MIB, undefined)).toEqual({
      lowEndBytes: 512 * MIB,
      highEndBytes: 0,
      holeStartBytes: 0xf0000000,
      holeSizeBytes: 0x10000000,
      memoryMap: [{ addressBytes: MIB, sizeBytes: 511 * MIB, type: 1 }],
    });
  });
  test('a hole is never smaller than the default', () => {
    expect(hvmLayout(GIB, 1024)).toEqual(hvmLayout(GIB, undefined));
    expect(hvmLayout(GIB, 2 * 1024 * 1024).holeStartBytes).toBe(2 * GIB);
  });
  test('a hole of 2 GiB moves memory above 4 GiB', () => {
    expect(hvmLayout(3 * GIB, 2 * 1024 * 1024)).toMatchObject({
      lowEndBytes: 2 * GIB,
      highEndBytes: 5 * GIB,
    });
  });
  test.each([4 * 1024 * 1024, 3840 * 1024 + 4, 1024 * 1024 + 1, Number.NaN])(
    'a hole of %d KiB is refused',
    (holeKib) => {
      expect(() => hvmLayout(GIB, holeKib)).toThrow(
        expect.objectContaining({ code: 'HYPERVISOR_BAD_ARGUMENT' }),
      );
    },
  );
});
