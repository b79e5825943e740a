/** What a change of the database means for the objects on the bus: which VMs it touches, and which of their settings. */
import type { LeafChange } from '../db/tree.ts';

/** What has changed of one VM. */
export interface VmChange {
  /** Keys below `/vm/UUID`, such as `config/memory`. */
  readonly keys: readonly string[];
  /** Whether any disk or NIC may have come or gone. */
  readonly hasDeviceChange: boolean;
}

/** A change of the database, sorted by whom it concerns. */
export interface SortedChanges {
  readonly vms: ReadonlyMap<string, VmChange>;
  /** Paths of all other nodes, without the slash in front. */
  readonly others: readonly string[];
}

const DEVICE_KEY = /^config\/(disk|nic)\//;

/** Sorts the changes of one write. */
export function sortChanges(changes: readonly LeafChange[]): SortedChanges {
  const keysOf = new Map<string, string[]>();
  const others: string[] = [];
  for (const { path } of changes) {
    const [top, uuid, ...rest] = path;
    if (top !== 'vm' || uuid === undefined) {
      others.push(path.join('/'));
      continue;
    }
    const keys = keysOf.get(uuid) ?? [];
    keys.push(rest.join('/'));
    keysOf.set(uuid, keys);
  }
  const vms = [...keysOf].map(([uuid, keys]) => {
    const hasDeviceChange = keys.some((key) => key === '' || DEVICE_KEY.test(key));
    return [uuid, { keys, hasDeviceChange }] as const;
  });
  return { vms: new Map(vms), others };
}
