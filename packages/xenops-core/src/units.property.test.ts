import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as units from './units.ts';

/** Whole numbers that stay below 2^53 after the largest conversion, bytes from MiB. */
const amount = fc.integer({ min: 0, max: 2 ** 32 });

const ROUNDED = [
  { name: 'pagesFromKib', up: units.pagesFromKibUp, down: units.pagesFromKibDown, unit: 4 },
  { name: 'mibFromKib', up: units.mibFromKibUp, down: units.mibFromKibDown, unit: 1024 },
  { name: 'mibFromPages', up: units.mibFromPagesUp, down: units.mibFromPagesDown, unit: 256 },
  { name: 'kibFromBytes', up: units.kibFromBytesUp, down: units.kibFromBytesDown, unit: 1024 },
] as const;

describe.each(ROUNDED)('$name', ({ up, down, unit }) => {
  test('rounded up it holds the amount, and one less would not', () => {
    fc.assert(
      fc.property(amount, (value) => {
        expect(up(value) * unit).toBeGreaterThanOrEqual(value);
        expect((up(value) - 1) * unit).toBeLessThan(value);
      }),
    );
  });

  test('rounded down it fits in the amount, and one more would not', () => {
    fc.assert(
      fc.property(amount, (value) => {
        expect(down(value) * unit).toBeLessThanOrEqual(value);
        expect((down(value) + 1) * unit).toBeGreaterThan(value);
      }),
    );
  });

  test('both roundings agree exactly on whole units', () => {
    fc.assert(
      fc.property(amount, (value) => {
        expect(up(value) === down(value)).toBe(value % unit === 0);
        expect(up(value * unit)).toBe(value);
        expect(down(value * unit)).toBe(value);
      }),
    );
  });
});

test('conversions to the smaller unit are exact and undone by either rounding', () => {
  fc.assert(
    fc.property(amount, (value) => {
      expect(units.kibFromPages(value)).toBe(value * 4);
      expect(units.kibFromMib(value)).toBe(value * 1024);
      expect(units.pagesFromMib(value)).toBe(value * 256);
      expect(units.mibFromPagesUp(units.pagesFromMib(value))).toBe(value);
      expect(units.kibFromPages(units.pagesFromMib(value))).toBe(units.kibFromMib(value));
    }),
  );
});

describe.each([
  { name: 'roundKibUpToMib', round: units.roundKibUpToMib, unit: 1024, isUp: true },
  { name: 'roundKibUpToPage', round: units.roundKibUpToPage, unit: 4, isUp: true },
  { name: 'roundKibDownToPage', round: units.roundKibDownToPage, unit: 4, isUp: false },
])('$name', ({ round, unit, isUp }) => {
  test('gives the nearest whole unit on its side, and leaves it alone after that', () => {
    fc.assert(
      fc.property(amount, (kib) => {
        const rounded = round(kib);
        const distance = isUp ? rounded - kib : kib - rounded;
        expect(rounded % unit).toBe(0);
        expect(distance).toBeGreaterThanOrEqual(0);
        expect(distance).toBeLessThan(unit);
        expect(round(rounded)).toBe(rounded);
      }),
    );
  });

  test('never turns the order of two amounts round', () => {
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        expect(Math.sign(round(Math.max(a, b)) - round(Math.min(a, b)))).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
