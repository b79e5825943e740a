import { describe, expect, test } from '@jest/globals';
import {
  findPciAddress,
  formatPciAddress,
  pciAddressFromSbdf,
  sbdfFromPciAddress,
} from './pci-address.ts';

describe('a PCI address', () => {
  test('is read with or without its domain', () => {
    const address = { domain: 0, bus: 3, slot: 0x1f, fn: 7 };
    expect(findPciAddress('03:1f.7')).toEqual(address);
    expect(findPciAddress('0000:03:1F.7')).toEqual(address);
  });

  test.each(['', '3', '03:20.0', '03:00.8', '10000:03:00.0', '03:00', '03:00.0 ', 'g3:00.0'])(
    'is not %j',
    (text) => expect(findPciAddress(text)).toBeUndefined(),
  );

  test('survives text and number', () => {
    const address = { domain: 0xffff, bus: 0xa3, slot: 0x0b, fn: 1 };
    expect(formatPciAddress(address)).toBe('ffff:a3:0b.1');
    expect(findPciAddress(formatPciAddress(address))).toEqual(address);
    expect(sbdfFromPciAddress(address)).toBe(0xffffa359);
    expect(pciAddressFromSbdf(sbdfFromPciAddress(address))).toEqual(address);
  });
});
