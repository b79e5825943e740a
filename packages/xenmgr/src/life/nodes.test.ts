import { expect, test } from '@jest/globals';
import type { XenStore, XenStoreTree } from '@xenops/core/xenstore';
import { LifeNodes } from './nodes.ts';

const UUID = '00000000-0000-4000-8000-000000000001';
const SHOWN = `/xenmgr/vms/${UUID}`;

/** The one node that is asked for, and what is removed. */
function nodesOver(domid: string | undefined): {
  readonly nodes: LifeNodes;
  readonly removed: readonly string[];
} {
  const removed: string[] = [];
  const tree: Partial<XenStoreTree> = {
    find: async (path) => (path === `${SHOWN}/domid` ? domid : undefined),
    rm: async (path) => void removed.push(path),
  };
  const store: Partial<XenStore> = {
    transaction: async (body) => body(tree as XenStoreTree),
  };
  return { nodes: new LifeNodes(store as XenStore), removed };
}

test.each([
  ['that has ended', '7', -1, [SHOWN]],
  ['that has ended while its next domain is made', '7', 8, [SHOWN]],
  ['that runs again when its last end is looked at', '8', 8, []],
])('what is shown of a VM %s', async (_what, shown, next, expected) => {
  const { nodes, removed } = nodesOver(shown);
  await nodes.removeShown(UUID, next);
  expect(removed).toEqual(expected);
});
