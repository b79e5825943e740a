import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUILD_MEMORY_MIN_KIB, pvFootprint } from './footprint.ts';

const MIB = 1024;

describe('pvFootprint', () => {
  test.each([
    ['256 MiB, as xl has it', 256 * MIB, 256 * MIB, 257 * MIB],
    ['a KiB more, which takes another MiB', 256 * MIB + 1, 257 * MIB, 258 * MIB],
    ['a KiB less, which takes all of the last MiB', 256 * MIB - 1, 256 * MIB, 257 * MIB],
    ['the least', BUILD_MEMORY_MIN_KIB, MIB, 2 * MIB],
  ])('of %s', (_what, requestedKib, targetKib, maxMemoryKib) => {
    expect(pvFootprint(requestedKib)).toMatchObject({ targetKib, maxMemoryKib });
  });

  test.each([
    [256 * MIB, 258 * MIB],
    [512 * MIB, 514 * MIB],
  ])('of %d KiB needs what libxl asks for, which rounds up to 2 MiB', (requestedKib, neededKib) => {
    expect(pvFootprint(requestedKib).neededKib).toBe(neededKib);
  });

  test('never gives less than was asked for, nor a MiB more', () => {
    fc.assert(
      fc.property(fc.integer({ min: BUILD_MEMORY_MIN_KIB, max: 2 ** 40 }), (requestedKib) => {
        const { targetKib, maxMemoryKib, neededKib } = pvFootprint(requestedKib);
        expect(targetKib % MIB).toBe(0);
        expect(targetKib).toBeGreaterThanOrEqual(requestedKib);
        expect(targetKib - requestedKib).toBeLessThan(MIB);
        expect(maxMemoryKib - targetKib).toBe(1024);
        expect(neededKib).toBeGreaterThanOrEqual(targetKib + 1024);
        expect(neededKib % MIB).toBe(0);
      }),
    );
  });

  test('of a larger guest is not smaller in any part', () => {
    const kib = fc.integer({ min: BUILD_MEMORY_MIN_KIB, max: 2 ** 40 });
    fc.assert(
      fc.property(kib, fc.nat(1_000_000), (requestedKib, moreKib) => {
        const [less, more] = [pvFootprint(requestedKib), pvFootprint(requestedKib + moreKib)];
        expect(more.targetKib).toBeGreaterThanOrEqual(less.targetKib);
        expect(more.maxMemoryKib).toBeGreaterThanOrEqual(less.maxMemoryKib);
        expect(more.neededKib).toBeGreaterThanOrEqual(less.neededKib);
      }),
    );
  });
});
