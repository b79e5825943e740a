/** Addresses of PCI devices: `0000:03:00.1`. */

export interface PciAddress {
  readonly domain: number;
  readonly bus: number;
  readonly slot: number;
  readonly fn: number;
}

const FORM = /^(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,2}):([0-1]?[0-9a-f])\.([0-7])$/i;

/** Reads `[DDDD:]BB:SS.F`, hexadecimal; undefined for anything else. */
export function findPciAddress(text: string): PciAddress | undefined {
  const found = FORM.exec(text);
  if (found === null) return undefined;
  const [domain = 0, bus = 0, slot = 0, fn = 0] = found
    .slice(1)
    .map((digits: string | undefined) => Number.parseInt(digits ?? '0', 16));
  return { domain, bus, slot, fn };
}

/** Writes `DDDD:BB:SS.F` as sysfs does. */
export function formatPciAddress({ domain, bus, slot, fn }: PciAddress): string {
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${fn}`;
}

/** The machine SBDF number of Xen's calls: segment << 16 | bus << 8 | slot << 3 | function. */
export function sbdfFromPciAddress({ domain, bus, slot, fn }: PciAddress): number {
  return ((domain << 16) | (bus << 8) | (slot << 3) | fn) >>> 0;
}

/** The address for a machine SBDF number. */
export function pciAddressFromSbdf(sbdf: number): PciAddress {
  return {
    domain: sbdf >>> 16,
    bus: (sbdf >>> 8) & 0xff,
    slot: (sbdf >>> 3) & 0x1f,
    fn: sbdf & 7,
  };
}
