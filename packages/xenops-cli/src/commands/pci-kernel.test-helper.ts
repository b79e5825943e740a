import type { PciSysfs } from '@xenops/core/pci';

/** Two functions of one network card, and a disk controller, behind a kernel that does what it is told. */
export class PciKernel implements PciSysfs {
  readonly drivers: Map<string, string | undefined> = new Map<string, string | undefined>([
    ['0000:03:00.0', 'e1000e'],
    ['0000:03:00.1', 'e1000e'],
    ['0000:04:00.0', 'ahci'],
  ]);
  readonly slots: Set<string> = new Set<string>();
  readonly log: string[] = [];
  /** Commands that fail, by file. */
  readonly broken: Set<string> = new Set<string>();

  async list(folder: string): Promise<readonly string[]> {
    if (folder === 'devices') return [...this.drivers.keys()];
    return this.drivers.has(folder.replace('devices/', '')) ? ['reset'] : [];
  }

  async read(file: string): Promise<string | undefined> {
    if (file === 'drivers/pciback/slots') return [...this.slots].join('\n');
    const [, name = '', key = ''] = file.split('/');
    const index = [...this.drivers.keys()].indexOf(name);
    const first = `0xfeb${index}0000`;
    const values: Readonly<Record<string, string>> = {
      resource: `${first} 0xfeb${index}3fff 0x0000000000040200`,
      irq: String(16 + index),
      class: '0x020000',
    };
    return index < 0 ? undefined : values[key];
  }

  async readLink(link: string): Promise<string | undefined> {
    return this.drivers.get(link.split('/')[1] ?? '');
  }

  async write(file: string, text: string): Promise<void> {
    this.log.push(`${file} ${text}`);
    if (this.broken.has(file)) throw new Error('EIO');
    const [, owner, what] = file.split('/');
    if (what === 'unbind') this.drivers.set(text, undefined);
    if (what === 'bind') this.drivers.set(text, owner);
    if (what === 'new_slot') this.slots.add(text);
    if (what === 'remove_slot') this.slots.delete(text);
  }
}
