/** Media of CD drives that a device model emulates, and what xenstore and our record say of them (libxl_disk.c, `libxl_cdrom_insert`). */
import { describeVbd, type DiskFormat, type VbdConfig } from '../devices/classes/vbd.ts';
import { diskNumber, parseDiskName } from '../devices/disk-number.ts';
import type { DeviceDescription } from '../devices/device.ts';
import { getDomain } from '../domain/record.ts';
import { readDomainConfig } from '../domain/config-record.ts';
import { ConfigError, DeviceError, DeviceModelError } from '../errors.ts';
import { getHotplug } from '../hotplug/get-hotplug.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { deviceBackendPath, deviceRecordPath, ownDeviceRecordPath } from '../xenstore/path.ts';
import { assertNotConfined } from './confinement.ts';
import { adoptDeviceModel } from './device-model.ts';
import type { QmpOptions } from './qmp.ts';

/** What lies in a drive. */
export interface Medium {
  /** Absolute path of the image. */
  readonly target: string;
  /** Raw unless said. */
  readonly format?: DiskFormat;
}

export interface MediumOptions extends QmpOptions {
  /** Whether the tray opens also when the guest has locked it. It does unless said. */
  readonly isForced?: boolean;
}

/**
 * Takes the medium out of a CD drive of an HVM guest and puts another in; without one the drive stays empty. Rejects with DOMAIN_NOT_FOUND,
 * DEVICE_NOT_FOUND (no such CD drive), CONFIG_BAD_VALUE (no such image), DM_UNAVAILABLE, DM_COMMAND_FAILED (the tray is locked, or qemu cannot
 * open the image), TIMEOUT or ABORTED; the drive keeps its medium then.
 */
export async function changeMedium(
  host: Host,
  domid: Domid,
  vdev: string,
  medium: Medium | undefined,
  { isForced = true, ...options }: MediumOptions = {},
): Promise<void> {
  const { guestType } = await getDomain(host, domid);
  const drive = await getDrive(host, domid, vdev);
  const after = { ...drive, target: '', format: 'raw', ...medium } as const;
  // Says what is wrong with the medium before the old one is gone.
  const guest = { domid, guestType };
  describeVbd(guest, after);
  if (medium !== undefined) {
    await assertImage(host, medium.target);
    if (getHotplug(host).sendOpenFile === undefined)
      await assertNotConfined(host, domid, 'a medium while it runs');
  }
  await using model = await adoptDeviceModel(host, domid, options);
  if (model === undefined) {
    throw new DeviceModelError('DM_UNAVAILABLE', {
      message: `Domain ${domid} has no device model that could change the medium of ${vdev}`,
      context: { domid, vdev },
    });
  }
  const { disk } = parseDiskName(vdev);
  const devid = diskNumber({ bus: 'hd', disk, partition: 0 });
  const force = { ...options, isForced };
  if (medium === undefined) await model.eject(devid, force);
  else await model.insert(devid, { path: after.target, format: after.format }, force);
  await record(host, describeVbd(guest, after));
}

/** The configuration of the drive, by our own record. */
async function getDrive(host: Host, domid: Domid, vdev: string): Promise<VbdConfig> {
  const { disks } = await readDomainConfig(host, domid);
  const devid = diskNumber(parseDiskName(vdev));
  const drive = disks.find((disk) => diskNumber(parseDiskName(disk.vdev)) === devid);
  if (drive?.isCdrom === true) return drive;
  throw new DeviceError('DEVICE_NOT_FOUND', {
    message: `Domain ${domid} has no CD drive ${vdev}`,
    context: { domid, vdev },
  });
}

async function assertImage(host: Host, target: string): Promise<void> {
  const { kind } = await getHotplug(host).statDisk(target);
  if (kind === 'file' || kind === 'block') return;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The medium ${target} ${kind === 'missing' ? 'does not exist' : 'is neither a file nor a block device'}`,
    context: { target },
  });
}

/** Where back-end, xl and we look for the medium. */
async function record(
  host: Host,
  { address, backendKeys, config }: DeviceDescription,
): Promise<void> {
  const params = backendKeys['params'] ?? '';
  await host.store.transaction(async (tree) => {
    await Promise.all([
      tree.write(`${deviceBackendPath(address)}/params`, params),
      tree.write(`${deviceRecordPath(address)}/params`, params),
      tree.write(`${ownDeviceRecordPath(address)}/config`, JSON.stringify(config)),
    ]);
  });
}
