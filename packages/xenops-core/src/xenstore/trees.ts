/** Several nodes at once. The requests of one call leave together, so each costs about one round trip. */
import { listChildren } from './list-children.ts';
import type { NodeWrite } from './nodes.ts';
import { applyTreeChange } from './nodes.ts';
import type { XenStore, XenStoreTree } from './xenstore.ts';

/** The values of these nodes, in order; undefined for those that are not there. */
export async function findMany(
  tree: XenStoreTree,
  paths: readonly string[],
): Promise<readonly (string | undefined)[]> {
  return Promise.all(paths.map((path) => tree.find(path)));
}

/** Nested values: a leaf is text, a folder an object of further nodes. */
export interface NestedValues {
  readonly [name: string]: string | NestedValues;
}

/** Writes a whole folder in one transaction: others see all of it or nothing. What is there besides stays. */
export async function writeTree(
  store: XenStore,
  root: string,
  values: NestedValues,
): Promise<void> {
  const write = [...leavesOf(root, values)];
  await store.transaction((tree) => applyTreeChange(tree, { rm: [], write }));
}

function* leavesOf(path: string, values: NestedValues): Generator<NodeWrite> {
  for (const [name, value] of Object.entries(values)) {
    const below = `${path}/${name}`;
    if (typeof value === 'string') yield { path: below, value };
    else if (Object.keys(value).length === 0) yield { path: below };
    else yield* leavesOf(below, value);
  }
}

/** Depth at which a listing ends: no path of the protocol's length has more parts. */
const DEPTH_MAX = 1536;

/**
 * Every node below a path with its value, parents before their children and names in the daemon's order; empty when
 * there is no such path. Level by level, so that a deep tree costs no stack. Nodes that go meanwhile are left out.
 */
export async function listTree(
  tree: XenStoreTree,
  root: string,
): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  let level: readonly string[] = [root];
  for (let depth = 0; level.length > 0 && depth < DEPTH_MAX; depth += 1) {
    const children = await Promise.all(
      level.map(async (path) => {
        const names = await listChildren(tree, path);
        return names.map((name) => (path === '/' ? `/${name}` : `${path}/${name}`));
      }),
    );
    level = children.flat();
    const found = await findMany(tree, level);
    level.forEach((path, index) => {
      const value = found[index];
      if (value !== undefined) values.set(path, value);
    });
  }
  return values;
}
