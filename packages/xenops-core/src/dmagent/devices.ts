/** What a guest needs emulated, device by device, in the words that device-model agents know. Pure. */
import type { DeviceModelConfig } from '../dm/config.ts';
import { parseDiskName } from '../devices/disk-number.ts';
import { ConfigError } from '../errors.ts';
import type { PciAddress } from '../hypervisor/pci-address.ts';

/** A kind of device, and each one of it by name with what the agent is told about it. */
export interface AgentDevice {
  readonly type: string;
  readonly infos: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** All that the guest needs. Throws CONFIG_BAD_VALUE for a disk that agents have no way to name. */
export function agentDevices(
  config: DeviceModelConfig,
  pci: readonly PciAddress[] = [],
): readonly AgentDevice[] {
  if (config.guestType !== 'hvm') return [plain('xenfb'), plain('input')];
  const { serials = [], acpi = true, card, disks, nics } = config;
  const [serial] = serials;
  return [
    plain('xenmou'),
    plain('xen_acpi_pm'),
    ...(card === 'std' ? [plain('svga')] : []),
    ...(acpi ? [plain('acpi')] : []),
    ...(serial === undefined ? [] : [{ type: 'serial', infos: { serial: { device: serial } } }]),
    ...(disks.length === 0 ? [] : [{ type: 'drive', infos: drivesOf(disks) }]),
    ...(nics.length === 0 ? [] : [{ type: 'net', infos: netsOf(nics) }]),
    ...(pci.length === 0 ? [] : [{ type: 'xen_pci_pt', infos: passthroughOf(pci) }]),
  ];
}

const plain = (type: string): AgentDevice => ({ type, infos: { [type]: {} } });

function drivesOf(disks: DeviceModelConfig['disks']): AgentDevice['infos'] {
  return Object.fromEntries(
    disks.map((disk, index) => {
      const { bus, disk: number } = parseDiskName(disk.vdev);
      if (bus !== 'hd') {
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: `The disk ${disk.vdev} cannot be emulated by an agent, which has IDE drives only: hda to hdd`,
          context: { vdev: disk.vdev },
        });
      }
      return [
        `${disk.isCdrom ? 'cdrom' : 'disk'}${index}`,
        {
          file: disk.path,
          media: disk.isCdrom ? 'cdrom' : 'disk',
          format: disk.format,
          index: String(number),
          readonly: disk.readOnly ? 'on' : 'off',
        },
      ];
    }),
  );
}

function netsOf(nics: DeviceModelConfig['nics']): AgentDevice['infos'] {
  return Object.fromEntries(
    nics.map(({ devid, mac, model, bridge }) => [
      `net${devid}`,
      { model, mac, bridge, id: String(devid), name: `vif${devid}` },
    ]),
  );
}

/** Numbered through: agents tell the devices apart by these names alone. */
function passthroughOf(addresses: readonly PciAddress[]): AgentDevice['infos'] {
  return Object.fromEntries(
    addresses.map((address, index) => [`xen_pci_pt-${index}`, { hostaddr: hostAddress(address) }]),
  );
}

/** `dddd:bb:ss.ff`, the function in two digits. */
function hostAddress({ domain, bus, slot, fn }: PciAddress): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${hex(fn, 2)}`;
}
