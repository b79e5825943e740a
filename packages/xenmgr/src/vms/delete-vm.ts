/** The end of a VM: its settings, its storage in the database, and the files that nobody else needs. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Draft, View } from '../db/view.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostGate } from '../objects/policy-gate.ts';
import { diskSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from './slots.ts';

/**
 * Deletes a VM. Rejects with ManagerError: 220 by the policy of the host, 204 while it runs, or what its hook says;
 * nothing is deleted then. Files that cannot be removed afterwards are logged.
 */
export async function deleteVm(
  manager: Manager,
  uuid: string,
  { isUnrestricted = false }: { readonly isUnrestricted?: boolean } = {},
): Promise<void> {
  const { database, life, monitors, announce } = manager;
  if (!isUnrestricted) hostGate(database.view(), 'deletion');
  refuseRunning(manager, uuid);
  await life.runHook(uuid, 'run-pre-delete', [uuid]);
  refuseRunning(manager, uuid);
  const files = isManaged(database.view(), uuid) ? [] : ownImages(database.view(), uuid, manager);
  await life.removed(uuid);
  await monitors.release(uuid);
  await database.transact((draft) => deleteNodes(draft, uuid));
  await removeFiles(manager, uuid, files);
  announce.vmDeleted(uuid);
}

/** Removes what the database has of a VM. */
export function deleteNodes(draft: Draft, uuid: string): void {
  draft.rm(`/vm/${uuid}`);
  draft.rm(`/dom-store/${uuid}`);
}

function refuseRunning({ life }: Manager, uuid: string): void {
  if (!life.isRunning(uuid)) return;
  throw new ManagerError('CANNOT_REMOVE_RUNNING', {
    message: 'A VM that runs cannot be removed; stop it first',
    context: { uuid },
  });
}

/** Whether a synchroniser has made it, whose files are not ours. */
function isManaged(view: View, uuid: string): boolean {
  return view.exists(`/vm/${uuid}/backend`);
}

/**
 * The images that go with the VM: VHDs that are not shared, that no other VM has, and that lie in the folder of images,
 * so that no setting can have any other file removed.
 */
function ownImages(view: View, uuid: string, { places }: Manager): readonly string[] {
  const elsewhere = new Set(
    vmUuids(view)
      .filter((other) => other !== uuid)
      .flatMap((other) => diskSettings(view, other))
      .map(({ settings }) => path.resolve(settings.text('phys-path'))),
  );
  return diskSettings(view, uuid)
    .filter(({ settings }) => settings.text('phys-type') === 'vhd' && !settings.flag('shared'))
    .map(({ settings }) => path.resolve(settings.text('phys-path')))
    .filter((file) => path.dirname(file) === path.resolve(places.disks) && !elsewhere.has(file));
}

/** Suffixes of what is made from an image: snapshots, and what was kept over hibernation. */
const DERIVED = ['.snap', '.hib'];

async function removeFiles(
  { places, log }: Manager,
  uuid: string,
  images: readonly string[],
): Promise<void> {
  const derived = images.flatMap((image) => [
    image,
    ...DERIVED.map((suffix) => `${image}${suffix}`),
    image.replace(/\.vhd$/, '.snap.tmp.vhd'),
  ]);
  const keys = await keysOf(places.config, images);
  for (const file of [...derived, ...keys, path.join(places.ovfFiles, uuid)]) {
    await rm(file, { recursive: true, force: true }).catch((error: unknown) => {
      log.child({ vm: uuid }).log('warn', `${file} stays`, error);
    });
  }
}

/** Files with the keys of images that no longer exist, in the folder of the platform's keys. */
async function keysOf(config: string, images: readonly string[]): Promise<readonly string[]> {
  const folder = path.join(config, 'platform-crypto-keys');
  const bases = images.map((image) => `${path.basename(image, '.vhd')},aes-xts-plain,`);
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => bases.some((base) => name.startsWith(base)) && name.endsWith('.key'))
    .map((name) => path.join(folder, name));
}
