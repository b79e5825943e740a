/** What this edition of the product can do: `key = value` lines of `/etc/caps.FLAVOUR`. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isThere } from '../host/files.ts';
import type { Places } from '../manager/places.ts';

const FLAVOUR_FILE = 'etc/xenclient.flavour';
const USUAL_FLAVOUR = 'default';

/** Whether this is an edition of the product, rather than any system with Xen. */
export async function hasFlavour({ root }: Places): Promise<boolean> {
  return isThere(path.join(root, FLAVOUR_FILE));
}

/** The flavour of the product. */
export async function readFlavour({ root }: Places): Promise<string> {
  const text = await readFile(path.join(root, FLAVOUR_FILE), 'utf8').catch(() => '');
  const flavour = text.trim();
  return /^[\w-]+$/.test(flavour) ? flavour : USUAL_FLAVOUR;
}

/** The capabilities, in small letters; none without the file. */
export async function readCaps(places: Places): Promise<ReadonlyMap<string, string>> {
  const file = path.join(places.root, `etc/caps.${await readFlavour(places)}`);
  return keyValues((await readFile(file, 'utf8').catch(() => '')).toLowerCase());
}

/** Lines `key = value`; others are passed over. */
export function keyValues(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      if (at <= 0 || line.startsWith('#')) return [];
      return [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const];
    }),
  );
}
