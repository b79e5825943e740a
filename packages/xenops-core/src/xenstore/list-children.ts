import { hasCode } from '../errors.ts';
import type { XenStoreTree } from './xenstore.ts';

/** Names of the children of a node; none when there is no such node. */
export async function listChildren(tree: XenStoreTree, path: string): Promise<readonly string[]> {
  try {
    return await tree.directory(path);
  } catch (error) {
    if (hasCode(error, 'XENSTORE_NO_ENTRY')) return [];
    throw error;
  }
}
