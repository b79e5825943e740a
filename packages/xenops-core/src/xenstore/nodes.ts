import type { Permissions } from './permissions.ts';
import type { XenStoreTree } from './xenstore.ts';

/** One node to write: without a value an empty one, without permissions those inherited from its parent. */
export interface NodeWrite {
  readonly path: string;
  readonly value?: string;
  readonly permissions?: Permissions;
  /** The node has been made before: only its permissions are set. */
  readonly isThere?: true;
}

/** What to do to the tree: first the removals, then the writes in order. Plain data, for `--dry-run` and tests. */
export interface TreeChange {
  readonly rm: readonly string[];
  readonly write: readonly NodeWrite[];
}

/** Does it all. The requests leave together and in order, so a change costs one round trip. */
export async function applyTreeChange(tree: XenStoreTree, change: TreeChange): Promise<void> {
  await Promise.all([
    ...change.rm.map((path) => tree.rm(path)),
    ...change.write.map((node) => writeNode(tree, node)),
  ]);
}

async function writeNode(tree: XenStoreTree, node: NodeWrite): Promise<void> {
  const { path, value, permissions, isThere } = node;
  await Promise.all([
    ...(isThere === true ? [] : [value === undefined ? tree.mkdir(path) : tree.write(path, value)]),
    ...(permissions === undefined ? [] : [tree.setPermissions(path, permissions)]),
  ]);
}
