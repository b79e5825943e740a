/**
 * Descriptions that others have written: what packages of Debian install under /usr/share/dbus-1/interfaces. The
 * packages are downloaded once and unpacked, not installed; together they have 2 MB.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PACKAGES = [
  'accountsservice',
  'avahi-daemon',
  'bolt',
  'colord',
  'geoclue-2.0',
  'malcontent',
  'packagekit',
  'rtkit',
  'upower',
  'urfkill',
  'xdg-desktop-portal-dev',
];

const CACHE = fileURLToPath(new URL('../../../../.cache/dbus-interfaces', import.meta.url));

/** The files, or why they cannot be had. */
export type DebianInterfaces =
  | { readonly kind: 'there'; readonly files: readonly string[] }
  | { readonly kind: 'missing'; readonly reason: string };

/** Finds the files, and downloads the packages that are not there yet. Never rejects. */
export async function findDebianInterfaces(): Promise<DebianInterfaces> {
  try {
    const files: string[] = [];
    for (const name of PACKAGES) {
      const folder = path.join(await unpack(name), 'usr/share/dbus-1/interfaces');
      files.push(...readdirSync(folder).map((file) => path.join(folder, file)));
    }
    return { kind: 'there', files: files.filter((file) => file.endsWith('.xml')) };
  } catch (error) {
    const [firstLine = ''] = String(error).split('\n');
    return { kind: 'missing', reason: `the interfaces of Debian cannot be had here: ${firstLine}` };
  }
}

/** Unpacks a package into a folder of its name, which appears only when it is complete. */
async function unpack(name: string): Promise<string> {
  const folder = path.join(CACHE, name);
  if (existsSync(folder)) return folder;
  const scratch = `${folder}.${process.pid}`;
  try {
    mkdirSync(scratch, { recursive: true });
    await run('apt-get', ['-q', 'download', name], { cwd: scratch });
    const [archive = ''] = readdirSync(scratch);
    await run('dpkg-deb', ['-x', archive, '.'], { cwd: scratch });
    rmSync(path.join(scratch, archive));
    renameSync(scratch, folder);
    return folder;
  } catch (error) {
    // Another process may have been quicker.
    if (existsSync(folder)) return folder;
    throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
