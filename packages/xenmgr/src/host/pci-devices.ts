/** PCI devices of the host, as the kernel lists them now, with the names of pci.ids. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Places } from '../manager/places.ts';
import { listNames, readTrimmed } from './files.ts';

/** A device of the host. */
export interface HostPciDevice {
  /** `dddd:bb:ss.f` in hexadecimal. */
  readonly address: string;
  /** Upper 16 bits of the class, such as 0x0200. */
  readonly class: number;
  readonly vendor: number;
  readonly device: number;
  /** For a graphics card: whether the firmware has put its texts there. */
  readonly isBootVga: boolean;
}

const ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
const NAME_FILES = ['usr/share/misc/pci.ids', 'usr/share/hwdata/pci.ids', 'usr/share/pci.ids'];
const CLASS_SHIFT = 8;

/** Graphics cards have a class of 0x03xx. */
export function isGpu(device: HostPciDevice): boolean {
  return device.class >> CLASS_SHIFT === 0x03;
}

/** All devices, by address. */
export async function hostPciDevices({ sys }: Places): Promise<readonly HostPciDevice[]> {
  const folder = path.join(sys, 'bus/pci/devices');
  const addresses = (await listNames(folder)).filter((name) => ADDRESS.test(name));
  return Promise.all(addresses.map((address) => readDevice(path.join(folder, address), address)));
}

async function readDevice(folder: string, address: string): Promise<HostPciDevice> {
  const [kind, vendor, device, vga] = await Promise.all(
    ['class', 'vendor', 'device', 'boot_vga'].map((name) => readTrimmed(path.join(folder, name))),
  );
  return {
    address,
    class: hexOf(kind) >> CLASS_SHIFT,
    vendor: hexOf(vendor),
    device: hexOf(device),
    isBootVga: vga === '1',
  };
}

function hexOf(text = ''): number {
  return /^0x[0-9a-f]{1,8}$/i.test(text) ? Number(text) : 0;
}

/** Four digits with 0x, as clients know them. */
export function hex4(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}

/** Names of devices, by `vendor:device`; the file is read once and again when somebody asks after its change. */
export class PciNames {
  readonly #places: Places;
  #names: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(places: Places) {
    this.#places = places;
  }

  /** The name of a device, its numbers where nobody has named it. */
  async nameOf({ vendor, device }: HostPciDevice): Promise<string> {
    this.#names ??= this.#read();
    const names = await this.#names;
    const [maker, model] = [names.get(key(vendor)), names.get(`${key(vendor)}:${key(device)}`)];
    if (maker === undefined) return `${hex4(vendor)}:${hex4(device)}`;
    return `${maker} ${model ?? hex4(device)}`;
  }

  async #read(): Promise<ReadonlyMap<string, string>> {
    for (const file of NAME_FILES) {
      const text = await readFile(path.join(this.#places.root, file), 'utf8').catch(() => '');
      if (text !== '') return parseNames(text);
    }
    return new Map();
  }
}

function key(value: number): string {
  return value.toString(16).padStart(4, '0');
}

/** Lines `vvvv  maker` and, below each, tab and `dddd  model`; the list of classes at the end is left out. */
export function parseNames(text: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  let vendor = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('C ')) break;
    const maker = /^([0-9a-f]{4}) {2}(.+)$/.exec(line);
    const model = /^\t([0-9a-f]{4}) {2}(.+)$/.exec(line);
    if (maker !== null) {
      vendor = maker[1] ?? '';
      names.set(vendor, maker[2] ?? '');
    } else if (model !== null) {
      names.set(`${vendor}:${model[1] ?? ''}`, model[2] ?? '');
    }
  }
  return names;
}
