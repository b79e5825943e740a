/**
 * Whether devices can be given to a domain without giving it a way to others: shared pages (XSA-461), functions of one device in two
 * hands (XSA-449), parts of one IOMMU group in two hands. Pure.
 */
import type { PciDevice } from './pci-device.ts';
import { PCIBACK } from './pciback.ts';

const PAGE_SHIFT = 12n;
/** Class code of bridges. */
const BRIDGE = 0x06;

export interface PciNeighbours {
  /** Every device of the machine. */
  readonly all: readonly PciDevice[];
  /** Names of the devices that Xen's IOMMU cannot tell from those given, besides themselves. */
  readonly group: readonly string[];
  /** Names of what the domain has already. */
  readonly own: readonly string[];
}

/** Why these cannot be given together, in words for people; empty when they can. */
export function pciConflicts(
  given: readonly PciDevice[],
  { all, group, own }: PciNeighbours,
): readonly string[] {
  const together = new Set([...given.map(({ name }) => name), ...own]);
  const others = all.filter(({ name }) => !together.has(name));
  return given.flatMap((device) => [
    ...(device.classCode >> 16 === BRIDGE ? [`${device.name} is a bridge`] : []),
    ...(device.driver === PCIBACK
      ? []
      : [`${device.name} is not kept for guests: bind_pci it first`]),
    ...others
      .filter((other) => sharesPage(device, other))
      .map((other) => `${device.name} shares a page of memory with ${other.name}`),
    ...others
      .filter((other) => group.includes(other.name) || isSameSlot(device, other))
      .filter(({ classCode }) => classCode >> 16 !== BRIDGE)
      .map((other) => `${device.name} can only be given together with ${other.name}`),
  ]);
}

function isSameSlot({ address: a }: PciDevice, { address: b }: PciDevice): boolean {
  return a.domain === b.domain && a.bus === b.bus && a.slot === b.slot;
}

function sharesPage(a: PciDevice, b: PciDevice): boolean {
  return memoryPages(a).some(([first, last]) =>
    memoryPages(b).some(([otherFirst, otherLast]) => first <= otherLast && otherFirst <= last),
  );
}

function memoryPages({ bars }: PciDevice): readonly (readonly [bigint, bigint])[] {
  return bars
    .filter(({ kind }) => kind === 'memory')
    .map(({ first, last }) => [first >> PAGE_SHIFT, last >> PAGE_SHIFT]);
}
