/** The ports, frames and interrupt of a device that its domain may use: planned, granted, and later revoked to the last one. */
import { hasCode } from '../errors.ts';
import type { Hypervisor, GuestType } from '../hypervisor/hypervisor.ts';
import type { FrameRange, PortRange } from '../hypervisor/permissions.ts';
import type { Domid } from '../ids.ts';
import type { CleanupStack } from '../lifetime/cleanup-stack.ts';
import type { PciDevice } from './pci-device.ts';

const PAGE_SHIFT = 12n;

export interface PciGrants {
  readonly ports: readonly PortRange[];
  readonly frames: readonly FrameRange[];
  /** The machine's interrupt, and the number that the domain knows it by. */
  readonly irq?: { readonly irq: number; readonly pirq: number };
  /** It may write all of the configuration space. */
  readonly isPermissive?: boolean;
}

/** What the ranges of a device come to in ports and whole frames. */
export function planGrants({ bars }: PciDevice): Pick<PciGrants, 'ports' | 'frames'> {
  return {
    ports: bars
      .filter(({ kind }) => kind === 'ports')
      .map(({ first, last }) => ({ firstPort: Number(first), count: Number(last - first) + 1 })),
    frames: bars
      .filter(({ kind }) => kind === 'memory')
      .map(({ first, last }) => ({
        firstFrame: first >> PAGE_SHIFT,
        count: Number((last >> PAGE_SHIFT) - (first >> PAGE_SHIFT)) + 1,
      })),
  };
}

export interface GrantTarget {
  readonly domid: Domid;
  readonly guestType: GuestType;
}

/** Grants it all and tells what was granted; each part is on `undo` at once. */
export async function grantResources(
  hypervisor: Hypervisor,
  { domid, guestType }: GrantTarget,
  device: PciDevice,
  undo: CleanupStack,
): Promise<PciGrants> {
  const { ports, frames } = planGrants(device);
  for (const range of ports) {
    await hypervisor.setIoportPermission(domid, range, true);
    undo.push(`ports of ${device.name}`, () => hypervisor.setIoportPermission(domid, range, false));
  }
  for (const range of frames) {
    await hypervisor.setIomemPermission(domid, range, true);
    undo.push(`memory of ${device.name}`, () => hypervisor.setIomemPermission(domid, range, false));
  }
  if (device.irq === 0) return { ports, frames };
  const pirq = await mapInterrupt(hypervisor, { domid, guestType }, device.irq);
  if (pirq === undefined) return { ports, frames };
  undo.push(`interrupt of ${device.name}`, () => hypervisor.unmapPirq(domid, pirq));
  await hypervisor.setIrqPermission(domid, pirq, true);
  undo.push(`interrupt permission of ${device.name}`, () =>
    hypervisor.setIrqPermission(domid, pirq, false),
  );
  return { ports, frames, irq: { irq: device.irq, pirq } };
}

/** From Xen 4.19 a hardware container has no such interrupts unless asked for, and its device model needs none. */
async function mapInterrupt(
  hypervisor: Hypervisor,
  { domid, guestType }: GrantTarget,
  irq: number,
): Promise<number | undefined> {
  try {
    return await hypervisor.mapPirq(domid, irq);
  } catch (error) {
    if (guestType === 'hvm' && hasCode(error, 'HYPERVISOR_NOT_SUPPORTED')) return undefined;
    throw error;
  }
}

/** Takes back what was granted, in reverse; goes on after a failure and rejects with all of them. */
export async function revokeResources(
  hypervisor: Hypervisor,
  domid: Domid,
  { ports, frames, irq }: PciGrants,
): Promise<void> {
  const steps = [
    ...(irq === undefined
      ? []
      : [
          () => hypervisor.setIrqPermission(domid, irq.pirq, false),
          () => hypervisor.unmapPirq(domid, irq.pirq),
        ]),
    ...frames.map((range) => () => hypervisor.setIomemPermission(domid, range, false)),
    ...ports.map((range) => () => hypervisor.setIoportPermission(domid, range, false)),
  ];
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be revoked');
}
