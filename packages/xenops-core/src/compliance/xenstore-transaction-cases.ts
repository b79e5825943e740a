/** Transactions: what they see, when they fail, what they leave behind. */
import assert from 'node:assert/strict';
import { MessageType } from '../xenstore/wire/message-type.ts';
import { answers, home, sees, storeCase, type StoreCase, watching } from './xenstore-case.ts';

/** An id that no transaction of a fresh connection has. */
const UNKNOWN = 0x7fff_0001;

/** Cases of the theme "transaction". */
export const transactionCases: readonly StoreCase[] = [
  storeCase(
    'ids are numbers other than 0, and differ while transactions are open',
    async ({ dom0 }) => {
      const ids = [await dom0.begin(), await dom0.begin(), await dom0.begin()];
      assert.ok(ids.every((id) => Number.isInteger(id) && id > 0));
      assert.equal(new Set(ids).size, ids.length);
    },
  ),
  storeCase('a change is seen inside at once and outside after the commit', async (bench) => {
    const { dom0 } = bench;
    const other = await bench.connect();
    const id = await dom0.begin();
    await answers(dom0.write('/a', 'v', id), 'OK');
    await answers(dom0.read('/a', id), 'v');
    await answers(dom0.read('/a'), 'ENOENT');
    await answers(other.read('/a'), 'ENOENT');
    await answers(dom0.commit(id), 'OK');
    await answers(other.read('/a'), 'v');
  }),
  storeCase('an aborted transaction leaves nothing', async ({ dom0 }) => {
    await dom0.write('/kept', 'v');
    const id = await dom0.begin();
    await dom0.write('/a/b', 'v', id);
    await dom0.rm('/kept', id);
    await answers(dom0.abort(id), 'OK');
    await answers(dom0.read('/a'), 'ENOENT');
    await answers(dom0.read('/kept'), 'v');
  }),
  storeCase('a transaction that has done nothing is committed', async ({ dom0 }) => {
    await answers(dom0.commit(await dom0.begin()), 'OK');
  }),
  storeCase(
    'a transaction keeps seeing a value that others have changed since it read it',
    async ({ dom0 }) => {
      await dom0.write('/a', 'before');
      const id = await dom0.begin();
      await answers(dom0.read('/a', id), 'before');
      await dom0.write('/a', 'after');
      await answers(dom0.read('/a', id), 'before');
      await answers(dom0.abort(id), 'OK');
    },
  ),
  ...(['commit', 'abort'] as const).map((verb): StoreCase =>
    storeCase(
      `after ${verb} the id is unknown`,
      async ({ dom0, traits: { unknownTransactionError } }) => {
        const id = await dom0.begin();
        await answers(dom0[verb](id), 'OK');
        await answers(dom0.read('/', id), unknownTransactionError);
        await answers(dom0.write('/a', 'v', id), unknownTransactionError);
        await answers(dom0.commit(id), unknownTransactionError);
        await answers(dom0.abort(id), unknownTransactionError);
        await answers(dom0.read('/a'), 'ENOENT');
      },
    ),
  ),
  ...(['read', 'list', 'mkdir', 'rm', 'permissions'] as const).map((verb): StoreCase =>
    storeCase(`${verb} with an id that was never given is refused`, ({ dom0, traits }) =>
      answers(dom0[verb]('/', UNKNOWN), traits.unknownTransactionError),
    ),
  ),
  storeCase('the id of another connection is unknown', async (bench) => {
    const other = await bench.connect();
    const foreign = await other.begin();
    // Ids of a fresh connection may be alike: make sure that ours has fewer.
    const beyond = Math.max(foreign, await other.begin());
    await answers(bench.dom0.read('/', beyond), bench.traits.unknownTransactionError);
  }),
  storeCase('a transaction cannot be started inside another', async ({ dom0 }) => {
    const id = await dom0.begin();
    await answers(dom0.askRaw(MessageType.transactionStart, '\0', id), 'EBUSY');
    await answers(dom0.commit(id), 'OK');
  }),
  storeCase('ending no transaction is ENOENT', ({ dom0 }) =>
    answers(dom0.askRaw(MessageType.transactionEnd, 'T\0', 0), 'ENOENT'),
  ),
  ...['', 't\0', 'TF\0', 'X\0', 'T'].map((payload): StoreCase =>
    storeCase(`ending with ${JSON.stringify(payload)} for T or F is EINVAL`, async ({ dom0 }) => {
      await answers(dom0.askRaw(MessageType.transactionEnd, payload, await dom0.begin()), 'EINVAL');
    }),
  ),
  storeCase('a node removed and made again inside is the new one', async ({ dom0 }) => {
    await dom0.write('/a/old', 'v');
    const id = await dom0.begin();
    await answers(dom0.rm('/a', id), 'OK');
    await answers(dom0.read('/a/old', id), 'ENOENT');
    await answers(dom0.write('/a', 'new', id), 'OK');
    await answers(dom0.list('/a', id), '');
    await answers(dom0.commit(id), 'OK');
    await answers(dom0.read('/a'), 'new');
    await answers(dom0.read('/a/old'), 'ENOENT');
  }),
  storeCase('a node made and removed inside never was', async ({ dom0 }) => {
    await dom0.mkdir('/d');
    const id = await dom0.begin();
    await dom0.write('/d/a', 'v', id);
    await answers(dom0.rm('/d/a', id), 'OK');
    await answers(dom0.list('/d', id), '');
    await answers(dom0.commit(id), 'OK');
    await answers(dom0.list('/d'), '');
  }),
  storeCase('lists inside show changes inside, and only those', async ({ dom0 }) => {
    await dom0.write('/d/a', '');
    const id = await dom0.begin();
    await answers(dom0.list('/d', id), 'a');
    await dom0.write('/d/b', '', id);
    await dom0.rm('/d/a', id);
    await answers(dom0.list('/d', id), 'b');
    await answers(dom0.list('/d'), 'a');
  }),
  storeCase('permissions set inside count from the commit on', async (bench) => {
    const guest = await bench.guest(7);
    const { dom0 } = bench;
    await dom0.write('/a', 'v');
    const id = await dom0.begin();
    await answers(dom0.chmod('/a', 'n0 r7', id), 'OK');
    await answers(dom0.permissions('/a', id), 'n0 r7');
    await answers(guest.read('/a'), 'EACCES');
    await answers(dom0.commit(id), 'OK');
    await answers(guest.read('/a'), 'v');
  }),
  storeCase('rights are checked inside as they are outside', async (bench) => {
    const guest = await bench.guest(7);
    const id = await guest.begin();
    await answers(guest.write('/tool/x', '', id), 'EACCES');
    await answers(guest.read('/tool', id), 'EACCES');
    await answers(guest.write('mine', 'v', id), 'OK');
    await answers(guest.commit(id), 'OK');
    await answers(guest.read('mine'), 'v');
  }),
  storeCase('watches fire at the commit, not before', async (bench) => {
    const { dom0 } = bench;
    const watcher = await bench.connect();
    await watcher.watch('/a');
    await sees(watcher, '/a t');
    const id = await dom0.begin();
    await dom0.write('/a', 'v', id);
    await sees(watcher);
    await answers(dom0.commit(id), 'OK');
    await sees(watcher, '/a t');
  }),
  storeCase('an aborted transaction fires no watch', async (bench) => {
    const watcher = await bench.connect();
    await watcher.watch('/a');
    await watcher.takeEvents();
    const id = await bench.dom0.begin();
    await bench.dom0.write('/a', 'v', id);
    await answers(bench.dom0.abort(id), 'OK');
    await sees(watcher);
  }),
  storeCase('a transaction that fails by conflict fires no watch', async (bench) => {
    const { dom0 } = bench;
    await dom0.write('/a', '');
    const id = await dom0.begin();
    await dom0.read('/a', id);
    await dom0.write('/a', 'inside', id);
    await dom0.write('/a', 'outside');
    const watcher = await bench.connect();
    await watcher.watch('/a');
    await watcher.takeEvents();
    await answers(dom0.commit(id), 'EAGAIN');
    await sees(watcher);
  }),
  storeCase('reading inside fires no watch', async (bench) => {
    const watcher = await bench.connect();
    await bench.dom0.write('/a', '');
    await watcher.watch('/a');
    await watcher.takeEvents();
    const id = await bench.dom0.begin();
    await bench.dom0.read('/a', id);
    await answers(bench.dom0.commit(id), 'OK');
    await sees(watcher);
  }),
  storeCase('a closed connection takes its transactions along', async (bench) => {
    const other = await bench.connect();
    const id = await other.begin();
    await other.write('/a', 'v', id);
    other[Symbol.dispose]();
    await answers(bench.dom0.read('/a'), 'ENOENT');
    await answers(bench.dom0.write('/a', 'mine'), 'OK');
  }),
  storeCase("a guest's transaction on its home is no other guest's business", async (bench) => {
    const [one, two] = [await bench.guest(7), await bench.guest(8)];
    const id = await one.begin();
    await one.write('x', '1', id);
    await answers(two.write('x', '2'), 'OK');
    await answers(one.commit(id), 'OK');
    await answers(bench.dom0.read(`${home(7)}/x`), '1');
    await answers(bench.dom0.read(`${home(8)}/x`), '2');
  }),
  storeCase('a commit fires watches in the order of the changes', async (bench) => {
    const watcher = await watching(bench, '/a');
    const id = await bench.dom0.begin();
    for (const path of ['/a/2', '/a/1', '/a/3']) await bench.dom0.write(path, '', id);
    await answers(bench.dom0.commit(id), 'OK');
    await sees(watcher, '/a/2 t', '/a/1 t', '/a/3 t');
  }),
  storeCase('reset-watches inside a transaction ends it', async (bench) => {
    const guest = await bench.guest(7);
    const id = await guest.begin();
    await guest.write('a', 'v', id);
    await answers(guest.resetWatches(id), 'OK');
    await answers(guest.commit(id), bench.traits.unknownTransactionError);
    await answers(guest.read('a'), 'ENOENT');
  }),
];
