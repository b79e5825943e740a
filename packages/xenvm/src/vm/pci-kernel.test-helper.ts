/** A kernel's `/sys/bus/pci` in memory, with as much of Linux as giving a device away needs. */
import type { PciSysfs } from '@xenops/core/pci';

/** A network card of one page of memory at an address of its own. */
export class PciKernel implements PciSysfs {
  readonly addresses: readonly string[];
  /** Who has each device. */
  readonly drivers: Map<string, string | undefined>;
  /** Commands, as `FILE TEXT`, in order. */
  readonly log: string[] = [];
  readonly #slots = new Set<string>();

  constructor(addresses: readonly string[]) {
    this.addresses = addresses;
    this.drivers = new Map(addresses.map((address) => [address, 'e1000e']));
  }

  async list(folder: string): Promise<readonly string[]> {
    if (folder === 'devices') return this.addresses;
    return this.drivers.has(folder.replace('devices/', '')) ? ['resource', 'reset'] : [];
  }

  async read(file: string): Promise<string | undefined> {
    if (file === 'drivers/pciback/slots') return [...this.#slots].join('\n');
    const [, name = '', attribute = ''] = file.split('/');
    const index = this.addresses.indexOf(name);
    if (index < 0) return undefined;
    const first = 0xfebc_0000 + index * 0x1000;
    return {
      resource: `0x${first.toString(16)} 0x${(first + 0xfff).toString(16)} 0x40200\n`,
      irq: `${16 + index}\n`,
      class: '0x020000\n',
    }[attribute];
  }

  async readLink(link: string): Promise<string | undefined> {
    return this.drivers.get(link.split('/')[1] ?? '');
  }

  async write(file: string, text: string): Promise<void> {
    this.log.push(`${file} ${text}`);
    const [, owner = '', what] = file.split('/');
    if (what === 'unbind') this.drivers.set(text, undefined);
    if (what === 'bind') this.drivers.set(text, owner);
    if (what === 'new_slot') this.#slots.add(text);
    if (what === 'remove_slot') this.#slots.delete(text);
  }
}
