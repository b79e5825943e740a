import { describe, expect, test } from '@jest/globals';
import { allOf, anyOf, mapped, nodeDisappears, valueAppears, valueBecomes } from './conditions.ts';
import { MemoryTree } from './memory-tree.test-helper.ts';

async function treeOf(values: Readonly<Record<string, string>>): Promise<MemoryTree> {
  const tree = new MemoryTree();
  for (const [path, value] of Object.entries(values)) await tree.write(path, value);
  return tree;
}

describe('a single condition', () => {
  test('a value that appears may be empty', async () => {
    const condition = valueAppears('/a');
    expect(await condition.look(await treeOf({}))).toBeUndefined();
    expect(await condition.look(await treeOf({ '/a': '' }))).toBe('');
  });

  test('a node that disappears is absent, not empty', async () => {
    const condition = nodeDisappears('/a');
    expect(await condition.look(await treeOf({ '/a': '' }))).toBeUndefined();
    expect(await condition.look(await treeOf({}))).toBe(true);
  });

  test('a value becomes exactly what is waited for', async () => {
    const condition = valueBecomes('/a', '4');
    expect(await condition.look(await treeOf({ '/a': '40' }))).toBeUndefined();
    expect(await condition.look(await treeOf({ '/a': '4' }))).toBe('4');
  });

  test('a mapped one maps what it finds and nothing before', async () => {
    const condition = mapped(valueAppears('/a'), Number);
    expect(await condition.look(await treeOf({}))).toBeUndefined();
    expect(await condition.look(await treeOf({ '/a': '7' }))).toBe(7);
  });
});

describe('all of several', () => {
  test('each needs to have been true once, not at the same time; results are in order', async () => {
    const condition = allOf([valueAppears('/a'), valueAppears('/b')]);
    expect(condition.paths).toEqual(['/a', '/b']);
    expect(await condition.look(await treeOf({ '/b': '2' }))).toBeUndefined();
    expect(condition.lastState?.()).toBe('1 of 2 seen');
    expect(await condition.look(await treeOf({ '/a': '1' }))).toEqual(['1', '2']);
  });

  test('of nothing is true at once', async () => {
    expect(await allOf([]).look(new MemoryTree())).toEqual([]);
  });
});

describe('any of several', () => {
  test('the first in order wins, with its tag', async () => {
    const condition = anyOf({
      closed: valueBecomes('/state', '6'),
      failed: valueAppears('/error'),
    });
    expect(await condition.look(await treeOf({}))).toBeUndefined();
    expect(await condition.look(await treeOf({ '/error': 'no' }))).toEqual({
      tag: 'failed',
      value: 'no',
    });
    expect(await condition.look(await treeOf({ '/error': 'no', '/state': '6' }))).toEqual({
      tag: 'closed',
      value: '6',
    });
  });

  test('watches a path that several look at once', () => {
    const condition = anyOf({ one: valueBecomes('/a', '1'), two: valueBecomes('/a', '2') });
    expect(condition.paths).toEqual(['/a']);
  });
});
