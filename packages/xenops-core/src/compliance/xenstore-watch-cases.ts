/** Watches: what they tell, whom, in which order. */
import assert from 'node:assert/strict';
import {
  answers,
  home,
  sees,
  type StoreBench,
  storeCase,
  type StoreCase,
} from './xenstore-case.ts';
import type { StoreClient } from './xenstore-client.ts';

/** A watcher whose first event is taken already. */
async function watching(bench: StoreBench, path: string): Promise<StoreClient> {
  const watcher = await bench.connect();
  await answers(watcher.watch(path), 'OK');
  await sees(watcher, `${path} t`);
  return watcher;
}

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
  storeCase('the same path and token twice is EEXIST', async ({ dom0 }) => {
    await answers(dom0.watch('/a', 'x'), 'OK');
    await answers(dom0.watch('/a', 'x'), 'EEXIST');
    await answers(dom0.watch('/a', 'y'), 'OK');
    await answers(dom0.watch('/b', 'x'), 'OK');
  }),
  storeCase('two clients may use the same token', async (bench) => {
    const [one, two] = [await bench.connect(), await bench.connect()];
    await answers(one.watch('/a', 'x'), 'OK');
    await answers(two.watch('/a', 'x'), 'OK');
  }),
  storeCase('after unwatch there are no events', async (bench) => {
    const watcher = await watching(bench, '/a');
    await answers(watcher.unwatch('/a'), 'OK');
    await bench.dom0.write('/a', '');
    await sees(watcher);
  }),
  ...(
    [
      ['a path that is not watched', '/none', 't'],
      ['another token', '/a', 'other'],
      ['a path below', '/a/b', 't'],
    ] as const
  ).map(([what, path, token]): StoreCase =>
    storeCase(`unwatch with ${what} is ENOENT`, async ({ dom0 }) => {
      await dom0.watch('/a');
      await answers(dom0.unwatch(path, token), 'ENOENT');
    }),
  ),
  storeCase("unwatch of another client's watch is ENOENT", async (bench) => {
    const watcher = await watching(bench, '/a');
    await answers(bench.dom0.unwatch('/a'), 'ENOENT');
    await bench.dom0.write('/a', '');
    await sees(watcher, '/a t');
  }),
  storeCase('a guest may watch what it cannot read, and hears nothing of it', async (bench) => {
    const guest = await bench.guest(7);
    await answers(guest.watch('/', 'root'), 'OK');
    await answers(guest.watch('/tool', 'tool'), 'OK');
    await sees(guest, '/ root', '/tool tool');
    await bench.dom0.write('/tool/secret', 'v');
    await bench.dom0.rm('/tool/secret');
    await bench.dom0.write('/other', '');
    await sees(guest);
  }),
  storeCase('a guest hears of a node that it may read', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write('/a', '');
    await bench.dom0.chmod('/a', 'n0 r7');
    await guest.watch('/a');
    await guest.takeEvents();
    await bench.dom0.write('/a', 'v');
    await sees(guest, '/a t');
  }),
  storeCase(
    'a guest hears of losing the right to read a node, and of nothing after that',
    async (bench) => {
      const guest = await bench.guest(7);
      await bench.dom0.write('/a', '');
      await bench.dom0.chmod('/a', 'n0 r7');
      await guest.watch('/a');
      await guest.takeEvents();
      await bench.dom0.chmod('/a', 'n0');
      await sees(guest, '/a t');
      await bench.dom0.write('/a', 'v');
      await sees(guest);
    },
  ),
  storeCase('a guest hears of getting the right to read a node', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write('/a', '');
    await guest.watch('/a');
    await guest.takeEvents();
    await bench.dom0.chmod('/a', 'n0 r7');
    await sees(guest, '/a t');
  }),
  storeCase(
    'reset-watches takes all watches away, and succeeds again without any',
    async (bench) => {
      const guest = await bench.guest(7);
      for (const token of ['1', '2', '3']) await guest.watch('data', token);
      await guest.takeEvents();
      await answers(guest.resetWatches(), 'OK');
      await guest.write('data', 'v');
      await sees(guest);
      await answers(guest.resetWatches(), 'OK');
      await answers(guest.watch('data', '1'), 'OK');
    },
  ),
  storeCase('reset-watches ends open transactions', async (bench) => {
    const guest = await bench.guest(7);
    const id = await guest.begin();
    await answers(guest.resetWatches(), 'OK');
    await answers(guest.commit(id), bench.traits.unknownTransactionError);
  }),
  storeCase("reset-watches leaves other clients' watches alone", async (bench) => {
    const [one, two] = [await bench.guest(7), await bench.guest(8)];
    await one.watch('data');
    await one.takeEvents();
    await answers(two.resetWatches(), 'OK');
    await one.write('data', '');
    await sees(one, 'data t');
  }),
  storeCase('a closed connection takes its watches along', async (bench) => {
    const watcher = await watching(bench, '/a');
    watcher[Symbol.dispose]();
    await answers(bench.dom0.write('/a', 'v'), 'OK');
  }),
  storeCase('a token may be empty, long, and hold any text', async ({ dom0 }) => {
    for (const token of ['', 'with a space', 'x'.repeat(1000)]) {
      await answers(dom0.watch('/a', token), 'OK');
      await sees(dom0, `/a ${token}`);
    }
  }),
  storeCase(
    'an event too long for a message is not sent, and the daemon goes on',
    async ({ dom0 }) => {
      await answers(dom0.watch('/a', 'x'.repeat(4000)), 'OK');
      await dom0.takeEvents();
      await answers(dom0.write(`/a/${'y'.repeat(200)}`, 'v'), 'OK');
      await sees(dom0);
    },
  ),
];
