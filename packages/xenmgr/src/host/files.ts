/** Small files of the kernel and the host, read as text; what is not there is empty. */
import { access, readdir, readFile } from 'node:fs/promises';

/** The text of a file without blanks around it; empty when it cannot be read. */
export async function readTrimmed(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).trim();
}

/** The names in a folder, sorted; none when it cannot be read. */
export async function listNames(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

export async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
