/** The icon of a VM: a file below one folder, whatever the setting says. */
import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { ManagerError } from '../manager/manager-error.ts';

const ICON_BYTES_MAX = 4 * 1024 * 1024;

/** The bytes of an icon. Rejects with IO when there is none, it is too large, or lies elsewhere. */
export async function readIcon(folder: string, name: string): Promise<Uint8Array> {
  try {
    const root = await realpath(folder);
    const file = await realpath(path.join(root, name));
    if (!file.startsWith(`${root}/`)) throw new TypeError('It lies outside the folder of icons');
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size > ICON_BYTES_MAX) throw new TypeError(`It has more than ${ICON_BYTES_MAX} bytes`);
    return new Uint8Array(await handle.readFile());
  } catch (cause) {
    throw new ManagerError('IO', { message: `The icon ${name} cannot be read`, cause });
  }
}
