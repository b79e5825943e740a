/** A kernel's `/sys/bus/pci` in memory: commands written to it do what Linux does, and are kept in the order in which they came. */
import type { PciSysfs } from './pci-sysfs.ts';

export interface FakeDevice {
  driver: string | undefined;
  readonly classCode: string;
  readonly irq: string;
  readonly resource: string;
  readonly hasReset: boolean;
}

/** A BAR line of `resource`. */
export function barLine(first: bigint, last: bigint, kind: 'ports' | 'memory'): string {
  const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;
  return [first, last, kind === 'ports' ? 0x40101n : 0x40200n].map(hex).join(' ');
}

/** A network card with a BAR of memory above 4 GiB and one of ports. */
export function fakeCard(changes: Partial<FakeDevice> = {}): FakeDevice {
  return {
    driver: 'e1000e',
    classCode: '0x020000',
    irq: '16',
    resource: [
      barLine(0x38_0000_0000n, 0x38_0001_ffffn, 'memory'),
      barLine(0xc000n, 0xc01fn, 'ports'),
    ].join('\n'),
    hasReset: true,
    ...changes,
  };
}

export class FakePciKernel implements PciSysfs {
  readonly devices: Map<string, FakeDevice> = new Map<string, FakeDevice>();
  /** What pciback keeps. */
  readonly slots: Set<string> = new Set<string>();
  /** Every command, as `FILE TEXT`. */
  readonly log: string[] = [];
  /** Commands that fail, by file. */
  readonly broken: Set<string> = new Set<string>();

  constructor(devices: Readonly<Record<string, FakeDevice>>) {
    for (const [name, device] of Object.entries(devices)) this.devices.set(name, device);
  }

  async list(folder: string): Promise<readonly string[]> {
    if (folder === 'devices') return [...this.devices.keys()];
    if (folder === 'drivers/pciback') return ['bind', 'new_slot', 'remove_slot', 'slots', 'unbind'];
    const device = this.devices.get(folder.replace('devices/', ''));
    if (device === undefined) return [];
    return ['resource', 'irq', 'class', ...(device.hasReset ? ['reset'] : [])];
  }

  async read(file: string): Promise<string | undefined> {
    if (file === 'drivers/pciback/slots') return [...this.slots, ''].join('\n');
    const [, name = '', attribute] = file.split('/');
    const device = this.devices.get(name);
    switch (attribute) {
      case 'resource':
        return device?.resource;
      case 'irq':
        return device === undefined ? undefined : `${device.irq}\n`;
      case 'class':
        return device === undefined ? undefined : `${device.classCode}\n`;
      default:
        return undefined;
    }
  }

  async readLink(link: string): Promise<string | undefined> {
    return this.devices.get(link.split('/')[1] ?? '')?.driver;
  }

  async write(file: string, text: string): Promise<void> {
    this.log.push(`${file} ${text}`);
    if (this.broken.has(file)) throw new Error(`EIO: ${file}`);
    const [, owner = '', what] = file.split('/');
    if (file.startsWith('devices/')) return;
    const device = this.devices.get(text);
    if (device === undefined) throw new Error('ENODEV');
    if (what === 'unbind') device.driver = undefined;
    if (what === 'new_slot') this.slots.add(text);
    if (what === 'remove_slot') this.slots.delete(text);
    if (what === 'bind') {
      if (device.driver !== undefined) throw new Error('EBUSY');
      if (owner === 'pciback' && !this.slots.has(text)) throw new Error('ENODEV');
      device.driver = owner;
    }
  }
}
