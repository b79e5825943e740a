/** What the kernel says about a PCI device. */
import { DeviceError } from '../errors.ts';
import { findPciAddress, formatPciAddress, type PciAddress } from '../hypervisor/pci-address.ts';
import type { PciSysfs } from './pci-sysfs.ts';

/** A range of the machine that a device answers at; both ends belong to it. */
export interface PciBar {
  readonly kind: 'ports' | 'memory';
  readonly first: bigint;
  readonly last: bigint;
}

export interface PciDevice {
  readonly address: PciAddress;
  /** `DDDD:BB:SS.F`. */
  readonly name: string;
  /** The driver that has it; undefined when none has. */
  readonly driver: string | undefined;
  /** Class, subclass, programming interface: 0x020000 is an Ethernet card. */
  readonly classCode: number;
  readonly vendorId: number;
  readonly deviceId: number;
  /** Its line interrupt; 0 without one. */
  readonly irq: number;
  readonly bars: readonly PciBar[];
}

/** Lines of `resource` that are base addresses, the expansion ROM included (`PCI_ROM_RESOURCE`); what follows belongs to bridges. */
const BAR_LINES = 7;
const IORESOURCE_IO = 0x100n;

/** Reads `resource`: a line of start, end and flags for each range (Documentation/PCI/sysfs-pci). */
export function parseResources(text: string): readonly PciBar[] {
  return text
    .split('\n')
    .slice(0, BAR_LINES)
    .flatMap((line): PciBar[] => {
      const words = /^0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16})$/i.exec(line.trim());
      if (words === null) return [];
      const [first = 0n, last = 0n, flags = 0n] = words.slice(1).map((hex) => BigInt(`0x${hex}`));
      if (first === 0n || last < first) return [];
      return [{ kind: (flags & IORESOURCE_IO) === 0n ? 'memory' : 'ports', first, last }];
    });
}

/** The device, undefined when there is none with this address. */
export async function findPciDevice(
  sysfs: PciSysfs,
  address: PciAddress,
): Promise<PciDevice | undefined> {
  const name = formatPciAddress(address);
  const at = (file: string): string => `devices/${name}/${file}`;
  const [resource, irq, classCode, vendorId, deviceId, driver] = await Promise.all([
    ...['resource', 'irq', 'class', 'vendor', 'device'].map((file) => sysfs.read(at(file))),
    sysfs.readLink(at('driver')),
  ]);
  if (resource === undefined) return undefined;
  return {
    address,
    name,
    driver,
    classCode: number(classCode),
    vendorId: number(vendorId),
    deviceId: number(deviceId),
    irq: number(irq),
    bars: parseResources(resource),
  };
}

/** The device. Rejects with DEVICE_NOT_FOUND. */
export async function getPciDevice(sysfs: PciSysfs, address: PciAddress): Promise<PciDevice> {
  const device = await findPciDevice(sysfs, address);
  if (device !== undefined) return device;
  const name = formatPciAddress(address);
  throw new DeviceError('DEVICE_NOT_FOUND', {
    message: `This machine has no PCI device ${name}; pci-list shows those that it has`,
    context: { device: name },
  });
}

/** Every PCI device of the machine, by address. */
export async function listPciDevices(sysfs: PciSysfs): Promise<readonly PciDevice[]> {
  const names = [...(await sysfs.list('devices'))].sort();
  const found = await Promise.all(
    names.map(async (name) => {
      const address = findPciAddress(name);
      return address === undefined ? undefined : findPciDevice(sysfs, address);
    }),
  );
  return found.flatMap((device) => device ?? []);
}

function number(text: string | undefined): number {
  const trimmed = (text ?? '').trim();
  return /^(0x[0-9a-f]{1,8}|\d{1,9})$/i.test(trimmed) ? Number(trimmed) : 0;
}
