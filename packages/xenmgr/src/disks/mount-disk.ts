/** Mounting the image of a disk in Dom0. What is on it belongs to a guest: nothing on it is executed or a device. */
import { mkdir } from 'node:fs/promises';
import { confinedPath } from '../manager/confined-path.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { DeviceId } from '../objects/paths.ts';
import { diskOf } from './disks.ts';
import { keyFolders } from './disk-keys.ts';

const SAFE_OPTIONS = 'nosuid,nodev,noexec';

/**
 * Mounts the whole device of a VHD at a folder below that of mounts, which is made. Rejects with ManagerError: 206, 207, BAD_VALUE when it is mounted
 * already, or IO; nothing stays attached then.
 */
export async function mountDisk(
  around: Surroundings,
  disk: DeviceId,
  { folder, isReadOnly }: { readonly folder: string; readonly isReadOnly: boolean },
): Promise<void> {
  const { database, host, run, places } = around;
  const target = await confinedPath(places.mounts, folder, 'Where a disk is mounted');
  await mkdir(target, { recursive: true, mode: 0o700 });
  const view = database.view();
  const image = vhdOf(around, disk);
  const node = mountNode(disk);
  if ((await host.store.find(`${node}/dev`)) !== undefined) {
    throw new ManagerError('BAD_VALUE', { message: `Disk ${disk.id} is mounted already` });
  }
  const folders = (await keyFolders(around, view, disk.uuid)).join(',');
  const env = { TAPDISK2_CRYPTO_KEYDIR: folders, TAPDISK3_CRYPTO_KEYDIR: folders };
  const mode = isReadOnly ? ['-R'] : [];
  const device = (await run('tap-ctl', ['create', '-a', `vhd:${image}`, ...mode], { env })).trim();
  try {
    const options = isReadOnly ? `${SAFE_OPTIONS},ro` : SAFE_OPTIONS;
    await run('mount', ['-o', options, device, target]);
  } catch (error) {
    await run('tap-ctl', ['destroy', '-d', device]).catch(() => undefined);
    throw error;
  }
  await host.store.write(`${node}/dev`, device);
  await host.store.write(`${node}/path`, target);
}

/** Undoes it. Rejects with ManagerError BAD_VALUE when it is not mounted. */
export async function unmountDisk(around: Surroundings, disk: DeviceId): Promise<void> {
  const { host, run } = around;
  vhdOf(around, disk);
  const node = mountNode(disk);
  const [device, folder] = await Promise.all(
    ['dev', 'path'].map((name) => host.store.find(`${node}/${name}`)),
  );
  if (device === undefined || folder === undefined) {
    throw new ManagerError('BAD_VALUE', { message: `Disk ${disk.id} is not mounted` });
  }
  await run('umount', [folder]);
  await run('tap-ctl', ['destroy', '-d', device]);
  await host.store.rm(node);
}

function vhdOf({ database }: Surroundings, { uuid, id }: DeviceId): string {
  const settings = diskOf(database.view(), uuid, id);
  if (settings.text('phys-type') === 'vhd') return settings.text('phys-path');
  throw new ManagerError('WRONG_DISK_TYPE', { message: `Disk ${id} is no VHD` });
}

/** Only Dom0 can write there. */
function mountNode({ uuid, id }: DeviceId): string {
  return `/xenmgr/mount/${uuid}/${id}`;
}
