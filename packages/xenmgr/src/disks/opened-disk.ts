/** The content of a disk as a device or file that can be read, for as long as somebody reads it. Never writable. */
import type { CleanupStack } from '@xenops/core/lifetime';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Settings } from '../vm-config/vm-settings.ts';

const DIRECT: readonly string[] = ['file', 'phy', 'raw', 'aio'];
const TAPPED: readonly string[] = ['vhd', 'vdi'];

/**
 * Opens a disk and gives the path that has its content; what was done is undone by `undo`. Keys are looked for in these
 * folders. Rejects with ManagerError: WRONG_DISK_TYPE, IO.
 */
export async function openDisk(
  run: Surroundings['run'],
  disk: Settings,
  { keyFolders, undo }: { readonly keyFolders: readonly string[]; readonly undo: CleanupStack },
): Promise<string> {
  const type = disk.text('phys-type');
  const image = disk.text('phys-path');
  if (DIRECT.includes(type)) return image;
  if (!TAPPED.includes(type)) {
    throw new ManagerError('WRONG_DISK_TYPE', {
      message: `A disk of the type ${type} cannot be read in Dom0`,
    });
  }
  const folders = keyFolders.join(',');
  const env = { TAPDISK2_CRYPTO_KEYDIR: folders, TAPDISK3_CRYPTO_KEYDIR: folders };
  const words = ['create', '-a', `${type}:${image}`, '-R'];
  const device = (await run('tap-ctl', words, { env })).trim();
  undo.push(`the tap device ${device}`, async () => {
    await run('tap-ctl', ['destroy', '-d', device]);
  });
  return device;
}
