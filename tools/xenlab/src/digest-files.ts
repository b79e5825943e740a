// Digests of what is in files, for the names of cached things.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** A digest of the names and contents of these files, and of all files in these folders, of `folder`. */
export function digestFiles(folder: string, entries: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of entries.flatMap((entry) => listFiles(folder, entry)).sort()) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(path.join(folder, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function listFiles(folder: string, entry: string): readonly string[] {
  const file = path.join(folder, entry);
  if (!statSync(file).isDirectory()) return [entry];
  return readdirSync(file).flatMap((name) => listFiles(folder, path.join(entry, name)));
}
