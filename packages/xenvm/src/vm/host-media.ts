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
import { driveId, type QmpClient } from '@xenops/core/dm';
import { listDeviceAddresses, updateXlFile } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import type { GuestType } from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import {
  deviceBackendPath,
  deviceRecordPath,
  ownDeviceRecordPath,
} from '@xenops/core/xenstore/path';
import type { HostCall } from './vm-host.ts';

export interface MediumChange {
  /** The drive with its new medium; an empty target: with none. */
  readonly drive: VbdConfig;
  readonly guestType: GuestType;
  /** Also where the guest has locked the tray, or keeps the drive in use. */
  readonly isForced: boolean;
}

/** What of a device model is needed. */
export interface TrayModel {
  readonly qmp: Pick<QmpClient, 'execute'>;
}

/** Rejects with DM_COMMAND_FAILED (the tray is locked, the medium cannot be opened), DEVICE_REFUSED (the guest keeps the drive), or as an attachment does. */
export async function changeMedium(
  host: Host,
  domid: Domid,
  change: MediumChange,
  model: TrayModel | undefined,
  call: HostCall,
): Promise<void> {
  if (change.guestType === 'hvm' && model !== undefined) {
    await changeTray(model, change, call);
    await tellMedium(host, domid, change.drive);
  } else await replaceDrive(host, domid, change, call);
  await updateXlFile(host, domid);
}

async function changeTray(
  model: TrayModel,
  { drive, isForced }: MediumChange,
  { signal }: HostCall,
): Promise<void> {
  const id = driveId(diskNumber(parseDiskName(drive.vdev)));
  if (drive.target === '') {
    await model.qmp.execute('eject', { id, force: isForced }, { signal });
    return;
  }
  const { format = 'raw' } = drive;
  await model.qmp.execute(
    'blockdev-change-medium',
    {
      ...{ id, filename: drive.target, 'read-only-mode': 'read-only', force: isForced },
      format: format === 'vhd' ? 'vpc' : format,
    },
    { signal },
  );
}

/** The medium in xenstore, where `xl` and events look, and in the record from which an image is restored. */
async function tellMedium(host: Host, domid: Domid, drive: VbdConfig): Promise<void> {
  const { address, backendKeys, config } = describeVbd({ domid, guestType: 'hvm' }, drive);
  const there = (await listDeviceAddresses(host.store, domid)).find(
    ({ kind, devid }) => kind === address.kind && devid === address.devid,
  );
  if (there === undefined) return;
  const { params = '' } = backendKeys;
  await host.store.transaction(async (tree) => {
    await Promise.all([
      tree.write(`${deviceBackendPath(there)}/params`, params),
      tree.write(`${deviceRecordPath(there)}/params`, params),
      tree.write(`${ownDeviceRecordPath(there)}/config`, JSON.stringify(config)),
    ]);
  });
}

async function replaceDrive(
  host: Host,
  domid: Domid,
  { drive, guestType, isForced }: MediumChange,
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
