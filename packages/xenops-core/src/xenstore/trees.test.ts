import { expect, test } from '@jest/globals';
import { MemoryTree } from './memory-tree.test-helper.ts';
import { findMany, listTree } from './trees.ts';

async function sampleTree(): Promise<MemoryTree> {
  const tree = new MemoryTree();
  await tree.write('/a', '1');
  await tree.write('/a/b', '2');
  await tree.write('/a/b/c', '3');
  await tree.write('/d', '4');
  return tree;
}

test('many values come in the order asked for, absent ones as undefined', async () => {
  expect(await findMany(await sampleTree(), ['/d', '/x', '/a'])).toEqual(['4', undefined, '1']);
});

test('a listing has every node below, parents first, and not the node itself', async () => {
  expect([...(await listTree(await sampleTree(), '/a'))]).toEqual([
    ['/a/b', '2'],
    ['/a/b/c', '3'],
  ]);
});

test('a listing of what is not there is empty', async () => {
  expect([...(await listTree(await sampleTree(), '/x'))]).toEqual([]);
});
