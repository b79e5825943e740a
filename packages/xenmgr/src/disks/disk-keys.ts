/** Keys of encrypted VHD images: files that the tap disk finds by the name of the image. */
import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import type { View } from '../db/view.ts';
import { isThere } from '../host/files.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostText } from '../objects/host-settings.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { checkAbsolute } from './disks.ts';

/** Bits of a key and the bytes that AES-XTS takes for them. */
const KEY_BYTES: ReadonlyMap<number, number> = new Map([
  [256, 32],
  [512, 64],
]);

/** Folders with the keys of a VM that exist, in the order of search. */
export async function keyFolders(
  { places }: Pick<Surroundings, 'places'>,
  view: View,
  uuid: string,
): Promise<readonly string[]> {
  const vm = vmSettings(view, uuid);
  const user = vm.text('crypto-user');
  const listed = [vm.text('crypto-key-dirs'), hostText(view, 'platform-crypto-key-dirs')]
    .flatMap((text) => text.split(','))
    .map((folder) => folder.trim())
    .filter((folder) => folder.startsWith('/'));
  const own = /^[\w.-]+$/.test(user) ? [path.join(places.config, 'sec', `s-${user}`)] : [];
  const exists = await Promise.all([...own, ...listed].map(isThere));
  return [...own, ...listed].filter((_, at) => exists[at]);
}

/** Looks whether keys of a VM are searched in a folder: one elsewhere would never be found. Rejects with BAD_VALUE. */
export async function assertKeyFolder(
  around: Pick<Surroundings, 'places'>,
  view: View,
  uuid: string,
  folder: string,
): Promise<void> {
  const folders = await keyFolders(around, view, uuid);
  if (folders.includes(folder)) return;
  throw new ManagerError('BAD_VALUE', {
    message: `Keys of the VM ${uuid} are in ${folders.join(', ') || 'no folder that exists'}, not in ${JSON.stringify(folder)}; crypto-key-dirs names more`,
    context: { uuid, folder },
  });
}

/** The folder that new keys go to: the first of the platform. */
export function newKeyFolder(view: View): string {
  return hostText(view, 'platform-crypto-key-dirs').split(',')[0]?.trim() ?? '';
}

/** Whether an image carries the hash of a key; false when that cannot be told. */
export async function hasKey(run: Surroundings['run'], image: string): Promise<boolean> {
  const answer = await run('vhd-util', ['key', '-p', '-n', image]).catch(() => 'none');
  return !['', 'none'].includes(answer.trim());
}

/**
 * Makes a key for an image and tells the image its hash. Rejects with ManagerError: BAD_VALUE for a size that is none,
 * KEY_FILE_EXISTS, DISK_HAS_KEY, or IO; no key is left then.
 */
export async function makeKey(
  { run }: Pick<Surroundings, 'run'>,
  image: string,
  { bits, folder }: { readonly bits: number; readonly folder: string },
): Promise<void> {
  const bytes = KEY_BYTES.get(bits);
  if (bytes === undefined) {
    throw new ManagerError('BAD_VALUE', { message: `A key has 256 or 512 bits, not ${bits}` });
  }
  checkAbsolute(folder);
  if (await hasKey(run, image)) {
    throw new ManagerError('DISK_HAS_KEY', { message: 'The image has a key already' });
  }
  const file = path.join(folder, `${path.basename(image, '.vhd')},aes-xts-plain,${bits}.key`);
  await writeKey(file, randomBytes(bytes));
  try {
    await run('vhd-util', ['key', '-n', image, '-k', file, '-s']);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function writeKey(file: string, key: Buffer): Promise<void> {
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.writeFile(key);
    await handle.sync();
  } catch (cause) {
    const isThereAlready = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    throw new ManagerError(isThereAlready ? 'KEY_FILE_EXISTS' : 'IO', {
      message: isThereAlready ? 'There is a key of that name' : 'The key cannot be written',
      context: { file },
      cause,
    });
  } finally {
    key.fill(0);
  }
}
