/** Commands that keep PCI devices of the host for guests, and give them. */
import { assertNotConfined } from '@xenops/core/dm';
import { updateXlFile } from '@xenops/core/domain';
import { ConfigError } from '@xenops/core/errors';
import { findPciAddress, formatPciAddress, type PciAddress } from '@xenops/core/hypervisor';
import {
  attachPci,
  detachPci,
  listPci,
  makePciAssignable,
  returnPciDevice,
  type PciListing,
} from '@xenops/core/pci';
import { command, type Command } from './command.ts';
import { assertIommu } from './iommu.ts';
import { DOMID, flag, NUMBER, optional, required } from './option.ts';

/** Devices that one bus of pciback has room for. */
const DEVICES_MAX = 32;

const PCI = {
  placeholder: 'ADDRESS[,ADDRESS...]',
  doc: 'addresses of devices, as in 0000:03:00.0, with commas between them',
  parse: parseAddresses,
};
const NO_RESET = flag('also devices that the kernel cannot reset');
const pciOptions = {
  domid: required(DOMID),
  pci: required(PCI),
  devid: optional({ ...NUMBER, doc: 'ignored; a domain has one bus' }),
} as const;

export const pciCommands: readonly Command[] = [
  command({
    name: 'add_pci',
    aliases: ['pci-attach'],
    summary: 'give PCI devices that are kept for guests to a domain',
    example: '-domid 5 -pci 0000:03:00.0,0000:03:00.1',
    changes: true,
    options: {
      ...pciOptions,
      permissive: flag('let the guest write all of their configuration space'),
      'no-reset': NO_RESET,
    },
    async run(host, values, { out, json, signal }) {
      const { domid, pci, permissive } = values;
      const configs = pci.map((address) => ({ address, permissive }));
      await assertIommu(host);
      await assertNotConfined(host, domid, 'a PCI device');
      await attachPci(host, domid, configs, { signal, allowNoReset: values['no-reset'] });
      await updateXlFile(host, domid);
      const names = pci.map(formatPciAddress);
      if (json) out.json({ domid, pci: names });
      else out.line(`pci: ${names.join(',')}`);
    },
  }),
  command({
    name: 'del_pci',
    aliases: ['pci-detach'],
    summary:
      'take PCI devices from a domain, with the consent of the guest unless forced; they stay kept for guests',
    example: '-domid 5 -pci 0000:03:00.0,0000:03:00.1',
    changes: true,
    options: { ...pciOptions, force: flag('take them away without the guest') },
    async run(host, { domid, pci, force }, { out, json, signal }) {
      await detachPci(host, domid, pci, { mode: force ? 'force' : 'clean', signal });
      await updateXlFile(host, domid);
      if (json) out.json({ domid, pci: pci.map(formatPciAddress) });
    },
  }),
  command({
    name: 'bind_pci',
    aliases: ['pci-bind'],
    summary: 'keep PCI devices for guests: take them from their drivers and from Dom0',
    example: '-pci 0000:03:00.0,0000:03:00.1',
    changes: true,
    options: { pci: required(PCI), devid: pciOptions.devid },
    async run(host, { pci }, { out, json }) {
      await assertIommu(host);
      for (const address of pci) await makePciAssignable(host, address);
      if (json) out.json(pci.map(formatPciAddress));
    },
  }),
  command({
    name: 'unbind_pci',
    aliases: ['pci-unbind'],
    summary: 'give PCI devices back to Dom0 and the drivers they had',
    example: '-pci 0000:03:00.0,0000:03:00.1',
    changes: true,
    options: { pci: required(PCI), 'no-reset': NO_RESET },
    async run(host, values, { out, json }) {
      const { pci } = values;
      for (const address of pci)
        await returnPciDevice(host, address, { allowNoReset: values['no-reset'] });
      if (json) out.json(pci.map(formatPciAddress));
    },
  }),
  command({
    name: 'list_pci',
    aliases: ['pci-list'],
    summary: 'list the PCI devices of the host and who has each',
    example: '--kept',
    changes: false,
    options: { kept: flag('only those that are kept for guests or given to one') },
    async run(host, { kept }, { out, json }) {
      const all = await listPci(host);
      const shown = all.filter(({ state }) => !kept || state !== 'host');
      if (json) out.json(shown.map(pciJson));
      else for (const listing of shown) out.line(pciLine(listing));
    },
  }),
];

function parseAddresses(text: string): readonly PciAddress[] {
  const found = text.split(',').map((word) => findPciAddress(word.trim()));
  const addresses = found.flatMap((address) => address ?? []);
  const names = new Set(addresses.map(formatPciAddress));
  if (addresses.length === found.length && names.size === found.length && names.size <= DEVICES_MAX)
    return addresses;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `PCI devices are up to ${DEVICES_MAX} different addresses such as 0000:03:00.0 with commas between them, not "${text}"`,
    context: { pci: text },
  });
}

function pciLine({ device, state, domid }: PciListing): string {
  const { name, classCode, vendorId, deviceId, driver } = device;
  const who = domid === undefined ? state : `${state} to domain ${domid}`;
  return `${name}  class ${hex(classCode, 6)}  ${hex(vendorId, 4)}:${hex(deviceId, 4)}  driver ${driver ?? 'none'}  ${who}`;
}

function pciJson({ device, state, domid }: PciListing): unknown {
  const { name, classCode, vendorId, deviceId, driver, irq, bars } = device;
  return {
    address: name,
    class: hex(classCode, 6),
    vendor: hex(vendorId, 4),
    device: hex(deviceId, 4),
    driver: driver ?? null,
    irq,
    bars: bars.map(({ kind, first, last }) => ({
      kind,
      first: `0x${first.toString(16)}`,
      last: `0x${last.toString(16)}`,
    })),
    state,
    domid: domid ?? null,
  };
}

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
