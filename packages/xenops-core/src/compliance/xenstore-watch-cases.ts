/** Watches: what they tell, and in which order. */
import assert from 'node:assert/strict';
import { home, sees, storeCase, answers, type StoreCase, watching } from './xenstore-case.ts';

/** Cases of the theme "watch". */
export const watchCases: readonly StoreCase[] = [
  storeCase('a watch fires once when it is registered, after the answer', async ({ dom0 }) => {
    await answers(dom0.watch('/a', 'token'), 'OK');
    await sees(dom0, '/a token');
  }),
  storeCase('a watch fires for the node itself', async (bench) => {
    const watcher = await watching(bench, '/a');
    await bench.dom0.write('/a', 'v');
    await sees(watcher, '/a t');
  }),
  storeCase('a watch fires for a value that is the same as before', async (bench) => {
    await bench.dom0.write('/a', 'v');
    const watcher = await watching(bench, '/a');
    await bench.dom0.write('/a', 'v');
    await sees(watcher, '/a t');
  }),
  storeCase('a watch fires for everything below, with the path that changed', async (bench) => {
    const watcher = await watching(bench, '/a');
    await bench.dom0.write('/a/b/c', 'v');
    await bench.dom0.mkdir('/a/d');
    await bench.dom0.chmod('/a/d', 'r0');
    await sees(watcher, '/a/b/c t', '/a/d t', '/a/d t');
  }),
  storeCase(
    'a watch does not fire for nodes above, beside, or with a longer name',
    async (bench) => {
      await bench.dom0.write('/a/b', '');
      const watcher = await watching(bench, '/a/b');
      for (const path of ['/a', '/a/c', '/a/bb', '/a/b-']) await bench.dom0.write(path, '');
      await sees(watcher);
    },
  ),
  storeCase('mkdir of a node that is there fires nothing', async (bench) => {
    await bench.dom0.mkdir('/a');
    const watcher = await watching(bench, '/a');
    await bench.dom0.mkdir('/a');
    await sees(watcher);
  }),
  storeCase('a failed request fires nothing', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write('/a', '');
    const watcher = await watching(bench, '/a');
    await answers(guest.write('/a', 'v'), 'EACCES');
    await answers(guest.rm('/a'), 'EACCES');
    await sees(watcher);
  }),
  storeCase('removal fires once for a watch above, whatever lies below', async (bench) => {
    for (const path of ['/a/b/c', '/a/b/d']) await bench.dom0.write(path, '');
    const watcher = await watching(bench, '/a');
    await bench.dom0.rm('/a/b');
    await sees(watcher, '/a/b t');
  }),
  storeCase(
    'removal of a parent fires the watch of a node below, with its own path',
    async (bench) => {
      await bench.dom0.write('/a/b/c', '');
      const watcher = await watching(bench, '/a/b/c');
      await bench.dom0.rm('/a');
      await sees(watcher, '/a/b/c t');
    },
  ),
  storeCase(
    'removal of a parent does not fire the watch of a node that was not there',
    async (bench) => {
      await bench.dom0.write('/a/b', '');
      const watcher = await watching(bench, '/a/b/none');
      await bench.dom0.rm('/a');
      await sees(watcher);
    },
  ),
  storeCase('removal of what is not there fires nothing', async (bench) => {
    await bench.dom0.mkdir('/a');
    const watcher = await watching(bench, '/a');
    await answers(bench.dom0.rm('/a/none'), 'OK');
    await sees(watcher);
  }),
  storeCase('a watch outlives the node, and tells when it comes back', async (bench) => {
    await bench.dom0.write('/a', '');
    const watcher = await watching(bench, '/a');
    await bench.dom0.rm('/a');
    await bench.dom0.write('/a', '');
    assert.ok((await watcher.takeEvents()).includes('/a t'));
    await bench.dom0.write('/a', 'v');
    await sees(watcher, '/a t');
  }),
  storeCase('implicit parents have no event of their own', async (bench) => {
    const watcher = await watching(bench, '/a');
    await bench.dom0.write('/a/b/c/d', '');
    await sees(watcher, '/a/b/c/d t');
  }),
  storeCase('the watch on the root hears of everything', async (bench) => {
    const watcher = await watching(bench, '/');
    await bench.dom0.write('/a/b', '');
    await bench.dom0.rm('/a');
    await sees(watcher, '/a/b t', '/a t');
  }),
  storeCase('each of several watches of one client fires, with its own token', async (bench) => {
    const watcher = await bench.connect();
    await watcher.watch('/a', 'one');
    await watcher.watch('/a', 'two');
    await watcher.watch('/a/b', 'below');
    await watcher.takeEvents();
    await bench.dom0.write('/a/b', '');
    const events = [...(await watcher.takeEvents())].sort();
    assert.deepEqual(events, ['/a/b below', '/a/b one', '/a/b two']);
  }),
  storeCase('events come in the order of the changes', async (bench) => {
    const watcher = await watching(bench, '/a');
    const paths = ['/a/3', '/a/1', '/a/2', '/a/1/x'];
    for (const path of paths) await bench.dom0.write(path, '');
    await sees(watcher, ...paths.map((path) => `${path} t`));
  }),
  storeCase(
    "a client hears of its own changes, before the change's answer or after it",
    async ({ dom0 }) => {
      await dom0.watch('/a');
      await dom0.takeEvents();
      await dom0.write('/a', 'v');
      await sees(dom0, '/a t');
    },
  ),
  storeCase('a relative watch is told of relative paths', async (bench) => {
    const guest = await bench.guest(7);
    await answers(guest.watch('data', 'r'), 'OK');
    await answers(guest.watch(`${home(7)}/data`, 'a'), 'OK');
    await guest.takeEvents();
    await bench.dom0.write(`${home(7)}/data/x`, '');
    const events = [...(await guest.takeEvents())].sort();
    assert.deepEqual(events, [`${home(7)}/data/x a`, 'data/x r'].sort());
  }),
];
