import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUILD_MEMORY_MIN_KIB, breakDownMemory, type MemoryConfig } from './breakdown.ts';

const MIB = 1024;
const pv = (targetKib: number, rest: Partial<MemoryConfig> = {}): MemoryConfig => ({
  guestType: 'pv',
  vcpus: 1,
  targetKib,
  ...rest,
});

describe('the breakdown of a PV guest', () => {
  test.each([
    ['256 MiB, as xl has it', 256 * MIB, 256 * MIB, 257 * MIB],
    ['a KiB more, which takes another MiB', 256 * MIB + 1, 257 * MIB, 258 * MIB],
    ['a KiB less, which takes all of the last MiB', 256 * MIB - 1, 256 * MIB, 257 * MIB],
    ['the least', BUILD_MEMORY_MIN_KIB, MIB, 2 * MIB],
  ])('of %s', (_what, asked, targetKib, xenMaxKib) => {
    expect(breakDownMemory(pv(asked))).toMatchObject({ targetKib, xenMaxKib, pagingPoolKib: 0 });
  });

  test.each([
    [256 * MIB, 258 * MIB],
    [512 * MIB, 514 * MIB],
  ])('of %d KiB needs what libxl asks for, which rounds up to 2 MiB', (asked, neededKib) => {
    expect(breakDownMemory(pv(asked)).neededKib).toBe(neededKib);
  });
});

describe('the breakdown of an HVM guest', () => {
  // Seen with xl on Xen 4.17: maxmem 160, memory 128, 8 MiB of video memory.
  test('that is populated on demand is what xl writes', () => {
    const config = {
      guestType: 'hvm',
      vcpus: 1,
      targetKib: 131_072,
      maxKib: 163_840,
      videoKib: 8192,
    } as const;
    expect(breakDownMemory(config)).toMatchObject({
      staticMaxKib: 163_840,
      guestTargetKib: 121_856,
      videoKib: 8192,
      buildKib: 122_880,
      buildMaxKib: 155_648,
    });
  });

  test('that has all its memory keeps nothing back', () => {
    const config = { guestType: 'hvm', vcpus: 1, targetKib: 512 * MIB, videoKib: 8 * MIB } as const;
    expect(breakDownMemory(config).guestTargetKib).toBe(504 * MIB);
  });
});

describe('the paging pool', () => {
  // 4 KiB × (256 a vcpu + one a MiB, twice without hap), up to whole MiB.
  test.each([
    ['pvh', 1, 512 * MIB, true, 3 * MIB],
    ['hvm', 2, 4096 * MIB, true, 18 * MIB],
    ['hvm', 2, 4096 * MIB, false, 34 * MIB],
  ] as const)(
    'of a %s guest of %d vcpus and %d KiB (hap %s)',
    (guestType, vcpus, targetKib, hap, expected) => {
      expect(breakDownMemory({ guestType, vcpus, targetKib, hap }).pagingPoolKib).toBe(expected);
    },
  );
});

const sizes = fc
  .record({
    guestType: fc.constantFrom('pv' as const, 'pvh' as const, 'hvm' as const),
    vcpus: fc.integer({ min: 1, max: 128 }),
    targetKib: fc.integer({ min: 16 * MIB, max: 2 ** 40 }),
    moreKib: fc.nat(2 ** 30),
    video: fc.nat(8 * MIB),
    hap: fc.boolean(),
  })
  .map(({ moreKib, video, ...config }) => ({
    ...config,
    maxKib: config.targetKib + moreKib,
    videoKib: config.guestType === 'hvm' ? video : 0,
  }));

test('no breakdown gives less than was asked for, or contradicts itself', () => {
  fc.assert(
    fc.property(sizes, (config) => {
      const all = breakDownMemory(config);
      expect(all.targetKib).toBeGreaterThanOrEqual(config.targetKib);
      expect(all.targetKib - config.targetKib).toBeLessThan(MIB);
      expect(all.staticMaxKib).toBeGreaterThanOrEqual(all.targetKib);
      expect(all.buildKib + all.videoKib).toBe(all.targetKib);
      expect(all.guestTargetKib).toBeLessThanOrEqual(all.buildKib);
      expect(all.xenMaxKib).toBeGreaterThan(all.targetKib);
      expect(all.neededKib).toBeGreaterThan(all.targetKib + all.pagingPoolKib);
      expect(all.neededKib % (2 * MIB)).toBe(0);
    }),
  );
});

test('a larger guest is not smaller in any part', () => {
  fc.assert(
    fc.property(sizes, fc.nat(2 ** 24), (config, moreKib) => {
      const less = breakDownMemory(config);
      const more = breakDownMemory({
        ...config,
        targetKib: config.targetKib + moreKib,
        maxKib: config.maxKib + moreKib,
      });
      expect(more.neededKib).toBeGreaterThanOrEqual(less.neededKib);
      expect(more.xenMaxKib).toBeGreaterThanOrEqual(less.xenMaxKib);
    }),
  );
});

test.each<[string, Partial<MemoryConfig>]>([
  ['a fraction of a KiB', { targetKib: 2048.5 }],
  ['less than the least', { targetKib: 1023 }],
  ['a maximum below the target', { maxKib: 100 * MIB }],
  ['video memory of a PV guest', { videoKib: 8 * MIB }],
  ['more video memory than memory', { guestType: 'hvm', videoKib: 512 * MIB }],
  ['a multiplier below 1', { poolMultiplier: 0.5 }],
])('%s is refused', (_what, change) => {
  expect(() => breakDownMemory(pv(256 * MIB, change))).toThrow(
    expect.objectContaining({ code: 'CONFIG_BAD_VALUE' }),
  );
});
