/** Watches: who may have which, who hears of what, and how they end. */
import { MessageType } from '../xenstore/wire/message-type.ts';
import { answers, sees, storeCase, type StoreCase, watching } from './xenstore-case.ts';

/** Cases of the theme "watch rights". */
export const watchRightsCases: readonly StoreCase[] = [
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
  storeCase('a token is bytes, and comes back as it was sent', async ({ dom0 }) => {
    const token = Buffer.from('\u00e9\u00ff\u0001', 'latin1');
    const payload = Buffer.concat([Buffer.from('/a\0'), token, Buffer.of(0)]);
    await answers(dom0.askRaw(MessageType.watch, payload), 'OK');
    await sees(dom0, '/a \u00e9\u00ff\u0001');
    await answers(dom0.askRaw(MessageType.watch, payload), 'EEXIST');
    await answers(dom0.askRaw(MessageType.unwatch, payload), 'OK');
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
