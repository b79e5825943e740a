import { expect, test } from '@jest/globals';
import { DOM0, domid } from '../ids.ts';
import { settled } from '../host/hand-clock.test-helper.ts';
import { MemoryTree } from './memory-tree.test-helper.ts';
import { applyTreeChange } from './nodes.ts';
import { ownedBy } from './permissions.ts';

test('removals come first, then the writes in order, each with its permissions', async () => {
  const tree = new MemoryTree();
  await applyTreeChange(tree, {
    rm: ['/old', '/older'],
    write: [
      { path: '/a', value: 'one', permissions: ownedBy(DOM0) },
      { path: '/a/b' },
      { path: '/a/c', value: '' },
    ],
  });
  expect(tree.log).toEqual([
    'rm /old',
    'rm /older',
    'write /a',
    'setPermissions /a',
    'mkdir /a/b',
    'write /a/c',
  ]);
});

test('a node without permissions has those that its parent was given by the same change', async () => {
  const tree = new MemoryTree();
  await applyTreeChange(tree, {
    rm: [],
    write: [
      { path: '/a', permissions: ownedBy(DOM0, domid(7)) },
      { path: '/a/b', value: 'x' },
      { path: '/a/b', permissions: ownedBy(domid(7)) },
      { path: '/a/b/c', value: 'y' },
    ],
  });
  expect(tree.lines()).toEqual(['/a (n0 r7) = ', '/a/b (n7) = x', '/a/b/c (n7) = y']);
});

test('a node written without a value keeps the one that it has', async () => {
  const tree = new MemoryTree();
  await tree.write('/a', 'kept');
  await applyTreeChange(tree, { rm: [], write: [{ path: '/a' }] });
  expect(await tree.read('/a')).toBe('kept');
});

test('everything leaves before the first answer, so that a change costs one round trip', async () => {
  const tree = new MemoryTree();
  let open: () => void = () => undefined;
  const answer = new Promise<void>((resolve) => {
    open = resolve;
  });
  const begun: string[] = [];
  const slow = Object.assign(tree, {
    rm: (path: string) => answer.then(() => void begun.push(path)),
    mkdir: (path: string) => {
      begun.push(path);
      return answer;
    },
  });
  const done = applyTreeChange(slow, { rm: ['/old'], write: [{ path: '/a' }, { path: '/b' }] });
  await settled();
  expect(begun).toEqual(['/a', '/b']);
  open();
  await done;
});

test('a refusal is passed on', async () => {
  const tree = new MemoryTree();
  const change = { rm: [], write: [{ path: '/a', permissions: ownedBy(DOM0) }] };
  const refusing = Object.assign(tree, {
    setPermissions: () => Promise.reject(new Error('refused')),
  });
  await expect(applyTreeChange(refusing, change)).rejects.toThrow('refused');
});
