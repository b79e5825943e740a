import { childPath } from './node-path.ts';
import type { Tree } from './tree.ts';

/** What is wrong with a tree, a sentence each: names without nodes, nodes without names. Empty when all is well. */
export function findTreeFaults(tree: Tree): string[] {
  const found: string[] = [];
  const named = new Set(['/']);
  for (const [path, node] of tree.entries()) {
    for (const name of node.children.list()) {
      const child = childPath(path, name);
      if (tree.find(child) === undefined) found.push(`${path} names ${name}, which is not there`);
      named.add(child);
    }
  }
  for (const [path] of tree.entries()) {
    if (!named.has(path)) found.push(`${path} is not named by its parent`);
  }
  return found;
}
