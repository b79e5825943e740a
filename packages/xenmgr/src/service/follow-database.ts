/** Tells the bus what has changed in the database, whoever has changed it. */
import type { Announcer } from '../manager/announcer.ts';
import type { Database } from '../db/database.ts';
import type { LeafChange } from '../db/tree.ts';
import type { View } from '../db/view.ts';
import type { VmLife } from '../life/life.ts';
import type { ObjectSet } from '../objects/object-set.ts';
import { sortChanges } from '../objects/tree-changes.ts';
import { CONFIG_PROPERTIES, UI_PROPERTIES } from '../properties/properties.ts';
import { changedProperties, isConfigChange } from './property-names.ts';

/** What follows the database. */
export interface Followers {
  readonly database: Database;
  readonly life: VmLife;
  readonly objects: ObjectSet;
  readonly announce: Announcer;
  /** Nothing of a VM is in the database any more, whoever removed it. */
  readonly onRemoved: (uuid: string) => void;
}

const OWN_KEYS: ReadonlySet<string> = new Set(
  [...CONFIG_PROPERTIES, ...UI_PROPERTIES].flatMap((row) =>
    row.kind === 'stored' ? [row.key] : [],
  ),
);

/** Makes the objects of all VMs that are there, and keeps them in line from now on. */
export function followDatabase(followers: Followers): Disposable {
  const { database, objects } = followers;
  const view = database.view();
  for (const uuid of view.list('/vm')) objects.sync(uuid, view);
  return database.onChange((changes, after) => follow(followers, changes, after));
}

function follow(followers: Followers, changes: readonly LeafChange[], view: View): void {
  const { objects, announce } = followers;
  const { vms, others } = sortChanges(changes);
  for (const [uuid, { keys, hasDeviceChange }] of vms) {
    const isThere = view.exists(`/vm/${uuid}`);
    const hasObject = objects.has(uuid);
    // An object is never without the life that it speaks of.
    if (isThere && !hasObject) followers.life.added(uuid);
    if (hasDeviceChange || isThere !== hasObject) objects.sync(uuid, view);
    if (!isThere) {
      followers.onRemoved(uuid);
      continue;
    }
    if (keys.includes('name')) announce.vmNameChanged(uuid);
    if (keys.includes('download-progress')) announce.vmTransferChanged(uuid);
    if (isConfigChange(keys)) announce.vmConfigChanged(uuid);
    announce.vmPropertiesChanged(uuid, changedProperties(keys));
  }
  if (others.some((path) => OWN_KEYS.has(path))) announce.configChanged();
}
