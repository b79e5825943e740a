/**
 * Media of CD drives. An emulated drive has a tray, which the device model opens and closes. A guest without a device model has none: its
 * drive is there while a medium is in it (blkback cannot change what it serves: drivers/block/xen-blkback/xenbus.c, `backend_changed`).
 */
import {
  attachDevice,
  describeVbd,
  detachDevice,
  diskNumber,
  parseDiskName,
  type VbdConfig,
} from '@xenops/core/devices';
import { changeMedium } from '@xenops/core/dm';
import { listDeviceAddresses, updateXlFile } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import type { GuestType } from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import { ownDeviceRecordPath } from '@xenops/core/xenstore/path';
import type { HostCall } from './vm-host.ts';

export interface DriveChange {
  /** The drive with its new medium; an empty target: with none. */
  readonly drive: VbdConfig;
  readonly guestType: GuestType;
  /** Also where the guest has locked the tray, or keeps the drive in use. */
  readonly isForced: boolean;
}

/**
 * Rejects with DM_COMMAND_FAILED (the tray is locked, the medium cannot be opened), DM_UNAVAILABLE, CONFIG_BAD_VALUE, DEVICE_REFUSED (the guest
 * keeps the drive), or as an attachment does; the guest has the medium it had then.
 */
export async function changeDrive(
  host: Host,
  domid: Domid,
  change: DriveChange,
  call: HostCall,
): Promise<void> {
  if (change.guestType === 'hvm') await changeTray(host, domid, change, call);
  else await replaceDrive(host, domid, change, call);
  await updateXlFile(host, domid);
}

async function changeTray(
  host: Host,
  domid: Domid,
  { drive: { vdev, target, format = 'raw' }, isForced }: DriveChange,
  { signal, timeoutMs }: HostCall,
): Promise<void> {
  const medium = target === '' ? undefined : { target, format };
  await changeMedium(host, domid, vdev, medium, { isForced, signal, timeoutMs });
}

async function replaceDrive(
  host: Host,
  domid: Domid,
  { drive, guestType, isForced }: DriveChange,
  { signal, timeoutMs }: HostCall,
): Promise<void> {
  const devid = diskNumber(parseDiskName(drive.vdev));
  const there = (await listDeviceAddresses(host.store, domid)).find(
    (address) => address.kind === 'vbd' && address.devid === devid,
  );
  let former: VbdConfig | undefined;
  if (there !== undefined) {
    const config = await host.store.find(`${ownDeviceRecordPath(there)}/config`);
    // Written by core from a configuration of ours, where only Dom0 writes.
    former = config === undefined ? undefined : (JSON.parse(config) as VbdConfig);
    const mode = isForced ? 'force' : 'clean';
    await detachDevice(host, there, { mode, signal, timeoutMs });
  }
  if (drive.target === '') return;
  try {
    await attachDevice(host, describeVbd({ domid, guestType }, drive), { signal });
  } catch (error) {
    // A medium that cannot be used does not cost the guest the one it had.
    if (former !== undefined) await attachDevice(host, describeVbd({ domid, guestType }, former));
    throw error;
  }
}
