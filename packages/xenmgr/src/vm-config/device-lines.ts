/** The lines for disks, NICs, PCI devices and CD drives. */
import type { View } from '../db/view.ts';
import { line, part, type ConfigLine } from './config-text.ts';
import type { BootFacts, PciAssignment } from './facts.ts';
import { generatedMac } from './mac.ts';
import { diskSettings, nicSettings, type NumberedSettings, type Settings } from './vm-settings.ts';

/** Names for a disk that has none, in the order in which they are given out. */
const DISK_NAMES = [
  ...['hda', 'hdb', 'hdc', 'hdd'],
  ...Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => `xvd${letter}`),
];

/** Names of networks before they had object paths. */
const OLD_NETWORKS: ReadonlyMap<string, string> = new Map([
  ['brbridged', '/wired/0/bridged'],
  ['brshared', '/wired/0/shared'],
  ['brwireless', '/wireless/0/shared'],
  ['brinternal', '/internal'],
]);

/** The MAC address of a NIC that gets a generated one. */
const AUTOMATIC_MAC = 'auto';

/** The first name that no disk has; undefined when all are taken. */
export function freeDiskName(used: readonly string[]): string | undefined {
  return DISK_NAMES.find((name) => !used.includes(name));
}

/** The object path of a network, also for its name of old. */
export function networkPath(network: string): string {
  return OLD_NETWORKS.get(network) ?? network;
}

/** `disk=` for the environment image and each enabled disk whose image is there. */
export function diskLines(view: View, uuid: string, facts: BootFacts): readonly ConfigLine[] {
  const disks = diskSettings(view, uuid).filter(({ settings }) => settings.flag('enabled'));
  const present = disks.filter(
    ({ settings }) =>
      settings.text('phys-type') !== 'vhd' || !facts.missingImages.has(settings.text('phys-path')),
  );
  return [
    ...environmentLines(disks, facts),
    ...present.map(({ settings }) => line('disk', diskValue(settings, facts))),
  ];
}

function environmentLines(
  disks: readonly NumberedSettings[],
  { environmentImage }: BootFacts,
): readonly ConfigLine[] {
  const name = freeDiskName(disks.map(({ settings }) => settings.text('virt-path')));
  if (environmentImage === undefined || name === undefined) return [];
  return [line('disk', `${part('disk', environmentImage, ':')}:file:${name}:r:cdrom::`)];
}

function diskValue(disk: Settings, { keyFolders }: BootFacts): string {
  const type = disk.text('phys-type');
  const snapshot = disk.text('snapshot');
  const options = type === 'vhd' && keyFolders.length > 0 ? `key-dir=${keyFolders.join(',')}` : '';
  return [
    part('disk', disk.text('phys-path'), ':'),
    type,
    part('disk', disk.text('virt-path'), ':'),
    disk.text('mode'),
    disk.text('devtype'),
    snapshot === 'none' ? '' : snapshot,
    part('disk', options, ':'),
  ].join(':');
}

/** `vif=` for each enabled NIC that the policies of the VM allow. */
export function nicLines(
  view: View,
  uuid: string,
  vm: Settings,
  facts: BootFacts,
): readonly ConfigLine[] {
  return nicSettings(view, uuid).flatMap(({ id, settings }) => {
    const network = networkPath(settings.text('network'));
    const known = facts.networks.get(network);
    const policy = known?.isWireless === true ? 'wireless' : 'wired';
    if (!settings.flag('enabled') || !vm.flag(`policy-${policy}-networking`)) return [];
    const mac = settings.text('mac');
    const isWireless = settings.flag('wireless-driver') && vm.text('os') !== 'linux';
    const fields = [
      ['id', id],
      ['network', network],
      ...(known === undefined ? [] : [['bridge', known.bridge]]),
      ['backend-domid', facts.nicBackends.get(id) ?? 0],
      ...(isWireless ? [['wireless', true]] : []),
      ['mac', mac === AUTOMATIC_MAC ? generatedMac(id, uuid) : mac],
    ].map(([name, value]) => `${String(name)}=${part('vif', String(value), ',')}`);
    return [line('vif', fields.join(','))];
  });
}

/** `pci=`, all in one group, each bound to pciback. */
export function pciLine(device: PciAssignment): ConfigLine {
  const slot = device.guestSlot === undefined ? '' : `,guest_slot=${device.guestSlot}`;
  const msi = device.msiTranslate === true ? ',msitranslate=1' : '';
  return line('pci', `0,bind,${part('pci', device.address, ',')}${slot}${msi}`);
}

/** `extra-hvm=cdrom-pt...` for each drive of the host, as far as the policies of VM and host allow. */
export function cdDriveLines(view: View, vm: Settings, facts: BootFacts): readonly ConfigLine[] {
  if (!vm.flag('policy-cd-access')) return [];
  const readOnly = vm.flag('policy-cd-recording') ? '' : '-ro';
  const exclusive = view.read('/cd-exclusive') === 'false' ? '' : '-exclusive';
  return facts.cdDrives.map((address) =>
    line('extra-hvm', `cdrom-pt${readOnly}${exclusive}=/dev/bsg/${address}`),
  );
}
