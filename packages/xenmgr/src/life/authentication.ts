/** VMs whose disks need the key of a user who has not logged in. */
import { readFileSync } from 'node:fs';
import type { View } from '../db/view.ts';
import type { Places } from '../manager/places.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';

/** Whether the VM belongs to a user whose folder of keys is not mounted. */
export function isLoginNeeded(view: View, uuid: string, places: Places): boolean {
  const user = vmSettings(view, uuid).text('crypto-user');
  if (user === '') return false;
  const folder = `${places.config}/sec/s-${user}`;
  return !mountPoints(places).has(folder);
}

function mountPoints({ proc }: Places): ReadonlySet<string> {
  try {
    // The kernel makes it up while it is read: there is no disk to wait for.
    const lines = readFileSync(`${proc}/self/mounts`, 'utf8').split('\n');
    return new Set(lines.map((line) => line.split(' ')[1] ?? ''));
  } catch {
    return new Set();
  }
}
