/** Devices as old clients read them: text tables and lines. Pure. */
import { DISK } from '../config/values/disk-line.ts';
import { renderPciAddress } from '../config/values/pci-line.ts';
import type { Nic, PciSpec, VmConfig } from '../config/index.ts';

const NIC_HEADER = ' id |         network         |       mac         | model';
const NIC_WIDTHS = [3, 24, 18, 30];
const PCI_HEADER = 'pci-dom | bus | slot | func | bind | msi-trans | power-mgmt | guest-slot';
const PCI_WIDTHS = [7, 4, 5, 5, 5, 10, 11, 11];

const row = (cells: readonly string[], widths: readonly number[]): string =>
  cells.map((cell, index) => cell.padStart(widths[index] ?? 0)).join(' |');

/** What it is connected to: the network of a daemon, else its bridge. */
const networkOf = ({ network, bridge }: Nic): string => (network === '' ? bridge : network);

/** `nic-list`; managers split it at `|`. */
export function nicTable(nics: readonly Nic[]): string {
  const rows = nics.map((nic) =>
    row([String(nic.devid), networkOf(nic), nic.mac, nic.model], NIC_WIDTHS),
  );
  return [NIC_HEADER, ...rows].join('\n');
}

/** `pci-list`. */
export function pciTable({ pci, pciMsitranslate, pciPowerManagement }: VmConfig): string {
  const rows = pci.map(({ address, bind, msitranslate, powerManagement, guestSlot }) =>
    row(
      [
        ...[address.segment, address.bus, address.slot, address.func].map(String),
        bind ? 'y' : 'n',
        String(msitranslate ?? pciMsitranslate),
        String(powerManagement ?? pciPowerManagement),
        guestSlot === undefined ? '' : String(guestSlot),
      ],
      PCI_WIDTHS,
    ),
  );
  return [PCI_HEADER, ...rows].join('\n');
}

/** `disk-list`: each disk as the configuration has it. */
export function diskLines({ disks }: VmConfig): string {
  return disks.flatMap((disk) => DISK.lines(disk)).join('\n');
}

/** `device TYPE list`. */
export function deviceLines(
  type: 'disk' | 'nic' | 'pci',
  config: VmConfig,
  nics: readonly Nic[],
): string {
  const lines =
    type === 'disk'
      ? config.disks.map(
          ({ target, type: kind, vdev, readOnly, isCdrom }) =>
            `physpath: ${target}, type: ${kind}, virtpath: ${vdev}, mode: ${readOnly ? 'r' : 'w'}, devtype: ${isCdrom ? 'cdrom' : 'disk'}`,
        )
      : type === 'nic'
        ? nics.map((nic) => `id: ${nic.devid}, network:${networkOf(nic)}, mac:${nic.mac}`)
        : pciGroups(config.pci);
  return lines.map((line) => `${line}\n`).join('');
}

function pciGroups(pci: readonly PciSpec[]): readonly string[] {
  return [...new Set(pci.map(({ group }) => group))].flatMap((id) => [
    `id:${id}`,
    ...pci
      .filter(({ group }) => group === id)
      .map(
        ({ address: { segment, bus, slot, func } }) =>
          `  domain:${segment}, bus:${bus}, slot: ${slot}, func: ${func}`,
      ),
  ]);
}

/** The same device, by its address. */
export function isSamePci(one: PciSpec['address'], other: PciSpec['address']): boolean {
  return renderPciAddress(one) === renderPciAddress(other);
}
