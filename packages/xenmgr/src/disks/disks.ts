/** Disks of a VM as nodes of the database: adding, pointing somewhere else, removing. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { folderOf } from '../db/tree.ts';
import type { Draft, View } from '../db/view.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import type { DeviceId } from '../objects/paths.ts';
import { ABSOLUTE_PATH } from '../properties/forms.ts';
import { vmUuids } from '../vms/slots.ts';
import { freeDiskName } from '../vm-config/device-lines.ts';
import { diskSettings, type Settings } from '../vm-config/vm-settings.ts';

/** The device of the virtual CD drive, which no new disk gets. */
export const CD_DEVICE = 'hdc';

/** Where the node of a disk lies. */
export function diskNode(uuid: string, id: number): string {
  return `/vm/${uuid}/config/disk/${id}`;
}

/** The settings of a disk. Throws NO_SUCH_DISK. */
export function diskOf(view: View, uuid: string, id: number): Settings {
  const found = diskSettings(view, uuid).find((disk) => disk.id === id);
  if (found !== undefined) return found.settings;
  throw new ManagerError('NO_SUCH_DISK', {
    message: `The VM has no disk ${id}`,
    context: { uuid, disk: id },
  });
}

/** Adds an empty writable VHD disk with the next number and the next free name; gives its number. */
export function addDisk({ database }: Surroundings, uuid: string): Promise<number> {
  return database.transact((draft) => {
    settingsGate(draft, uuid);
    const disks = diskSettings(draft, uuid);
    const id = Math.max(-1, ...disks.map((disk) => disk.id)) + 1;
    const used = disks.map(({ settings }) => settings.text('virt-path'));
    const device = freeDiskName([...used, CD_DEVICE]);
    if (device === undefined) {
      throw new ManagerError('BAD_VALUE', { message: 'All names of disks are taken' });
    }
    const node = { path: '', type: 'vhd', mode: 'w', device, devtype: 'disk' };
    draft.replace(diskNode(uuid, id), folderOf(Object.entries(node)));
    return id;
  });
}

/** Points a disk at an image or a block device, writable. */
export async function pointDisk(
  { database }: Surroundings,
  { uuid, id }: DeviceId,
  target: { readonly type: 'vhd' | 'phy'; readonly path: string },
): Promise<void> {
  checkAbsolute(target.path);
  await database.transact((draft) => {
    settingsGate(draft, uuid);
    diskOf(draft, uuid, id);
    const node = diskNode(uuid, id);
    draft.write(`${node}/path`, target.path);
    draft.write(`${node}/type`, target.type);
    draft.write(`${node}/mode`, 'w');
    draft.write(`${node}/devtype`, 'disk');
  });
}

/** Removes a disk; its image goes with it when it is a VHD of ours that nobody else has. */
export async function removeDisk(
  { database, places, log }: Surroundings,
  { uuid, id }: DeviceId,
): Promise<void> {
  const image = await database.transact((draft) => {
    settingsGate(draft, uuid);
    const disk = diskOf(draft, uuid, id);
    const isOwn = disk.text('phys-type') === 'vhd' && !disk.flag('shared');
    const file = path.resolve(disk.text('phys-path') || '/');
    draft.rm(diskNode(uuid, id));
    const isOurs = path.dirname(file) === path.resolve(places.disks);
    return isOwn && isOurs && !isUsed(draft, file) ? file : undefined;
  });
  if (image === undefined) return;
  await rm(image, { force: true }).catch((error: unknown) => {
    log.child({ vm: uuid }).log('warn', `${image} stays`, error);
  });
}

function isUsed(draft: Draft, file: string): boolean {
  return vmUuids(draft)
    .flatMap((uuid) => diskSettings(draft, uuid))
    .some(({ settings }) => path.resolve(settings.text('phys-path') || '/') === file);
}

/** Throws BAD_VALUE for a path that is relative or climbs. */
export function checkAbsolute(file: string): void {
  if (ABSOLUTE_PATH.test(file)) return;
  throw new ManagerError('BAD_VALUE', { message: 'The path of an image is absolute, without ..' });
}

const MIB_MAX = 2 * 1024 * 1024 - 1;

/** Makes an empty VHD image of this size, at most 2 TiB as the format has it, and gives its path. */
export async function createVhd(
  { places, run }: Pick<Surroundings, 'places' | 'run'>,
  sizeMib: number,
): Promise<string> {
  if (sizeMib < 1 || sizeMib > MIB_MAX) {
    throw new ManagerError('BAD_VALUE', {
      message: `A VHD image has 1 to ${MIB_MAX} MiB, not ${sizeMib}`,
    });
  }
  const file = path.join(places.disks, `${randomUUID()}.vhd`);
  try {
    await run('qemu-img', ['create', '-q', '-f', 'vpc', file, `${sizeMib}M`]);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  return file;
}
