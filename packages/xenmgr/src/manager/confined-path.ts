/** Files and folders that a caller names: below one folder of the host, wherever links lead. */
import { lstat, mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { ABSOLUTE_PATH } from '../properties/forms.ts';
import { ManagerError } from './manager-error.ts';

/**
 * The path as it is without links, for something that lies below a folder or is to be made there. The folder itself is
 * made when it is missing. `what` begins the sentence of the error, BAD_VALUE.
 */
export async function confinedPath(folder: string, named: string, what: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const root = await realpath(folder);
  const resolved = ABSOLUTE_PATH.test(named) ? await withoutLinks(named) : undefined;
  if (resolved?.startsWith(`${root}/`) === true) return resolved;
  throw new ManagerError('BAD_VALUE', {
    message: `${what} is an absolute path below ${folder}, in a folder that is there, and no link; ${JSON.stringify(named)} is not`,
    context: { folder, path: named },
  });
}

/** Undefined where its folder is missing, and for a link: what it leads to may not be there yet. */
async function withoutLinks(named: string): Promise<string | undefined> {
  const parent = await realpath(path.dirname(named)).catch(() => undefined);
  if (parent === undefined) return undefined;
  const resolved = path.join(parent, path.basename(named));
  const found = await lstat(resolved).catch(() => undefined);
  return found?.isSymbolicLink() === true ? undefined : resolved;
}
