/** What a guest may hold: exact limits, the answer beyond them, and that Dom0 has none. */
import assert from 'node:assert/strict';
import { answers, home, storeCase, type StoreCase } from './xenstore-case.ts';
import type { StoreClient } from './xenstore-client.ts';

/** Asks until the answer is another than at first; gives how often it was OK, and the other answer. */
async function untilRefused(
  ask: (index: number) => Promise<string>,
  most: number,
): Promise<{ readonly taken: number; readonly refusal: string }> {
  for (let index = 0; index < most; index += 1) {
    const answer = await ask(index);
    if (/^E[A-Z0-9]+$/.test(answer)) return { taken: index, refusal: answer };
  }
  return { taken: most, refusal: 'none' };
}

/** Nodes in folders of thirty, so that no list of names grows too long: node `index` of a home. */
const spread = (index: number): string => `d${Math.floor(index / 30)}/${index}`;

/** Makes nodes until refused; gives how many nodes the guest owns then, its home included. */
async function fillWithNodes(
  guest: StoreClient,
  verb: 'write' | 'mkdir',
): Promise<{ readonly owned: number; readonly refusal: string }> {
  let owned = 1;
  const make = (path: string): Promise<string> =>
    verb === 'write' ? guest.write(path, '') : guest.mkdir(path);
  for (let index = 0; index < 2000; index += 1) {
    if (index % 30 === 0) {
      const folder = await make(`d${index / 30}`);
      if (folder !== 'OK') return { owned, refusal: folder };
      owned += 1;
    }
    const answer = await make(spread(index));
    if (answer !== 'OK') return { owned, refusal: answer };
    owned += 1;
  }
  return { owned, refusal: 'none' };
}

/** Cases of the theme "quota". */
export const quotaCases: readonly StoreCase[] = [
  ...(['write', 'mkdir'] as const).map((verb): StoreCase =>
    storeCase(
      `the number of nodes that a guest makes by ${verb} ends at the quota`,
      async (bench) => {
        const { nodesMax, quotaError } = bench.traits;
        assert.deepEqual(await fillWithNodes(await bench.guest(7), verb), {
          owned: nodesMax,
          refusal: quotaError,
        });
      },
    ),
  ),
  storeCase('a removed node makes room for one more', async (bench) => {
    const guest = await bench.guest(7);
    await fillWithNodes(guest, 'write');
    await answers(guest.rm(spread(5)), 'OK');
    await answers(guest.write(spread(5), ''), 'OK');
    await answers(guest.write('more', ''), bench.traits.quotaError);
  }),
  storeCase('at the quota, values can still be changed', async (bench) => {
    const guest = await bench.guest(7);
    await fillWithNodes(guest, 'write');
    await answers(guest.write(spread(5), 'v'), 'OK');
  }),
  storeCase('nodes that Dom0 makes in the home of a guest count for the guest', async (bench) => {
    const guest = await bench.guest(7);
    await fillWithNodes(guest, 'write');
    await guest.rm(spread(5));
    await answers(bench.dom0.write(`${home(7)}/${spread(5)}`, ''), 'OK');
    await answers(guest.write('more', ''), bench.traits.quotaError);
  }),
  storeCase('nodes of one guest do not count for another', async (bench) => {
    const [one, two] = [await bench.guest(7), await bench.guest(8)];
    await fillWithNodes(one, 'write');
    await answers(two.write('a', ''), 'OK');
  }),
  storeCase('implicit parents count', async (bench) => {
    const guest = await bench.guest(7);
    await fillWithNodes(guest, 'write');
    for (const index of [5, 6]) await guest.rm(spread(index));
    await answers(guest.write('one/two/three', ''), bench.traits.quotaError);
    await answers(guest.write('one/two', ''), 'OK');
  }),
  storeCase('a transaction cannot take a guest beyond the quota', async (bench) => {
    const guest = await bench.guest(7);
    await fillWithNodes(guest, 'write');
    const id = await guest.begin();
    const inside = await guest.write('more', '', id);
    const end = await guest.commit(id);
    assert.ok(inside === bench.traits.quotaError || end === bench.traits.quotaError);
    await answers(guest.read('more'), 'ENOENT');
  }),
  storeCase('transactions that remove the same nodes leave the count right', async (bench) => {
    const guest = await bench.guest(7);
    const nodes = Array.from({ length: 20 }, (_, index) => `common/${index}`);
    for (let turn = 0; turn < 3; turn += 1) {
      for (const node of nodes) await answers(guest.write(node, ''), 'OK');
      const ids = [await guest.begin(), await guest.begin(), await guest.begin()];
      for (const id of ids) for (const node of nodes) await guest.rm(node, id);
      for (const id of ids) await guest.commit(id);
      await answers(guest.list('common'), '');
    }
    await answers(guest.rm('common'), 'OK');
    assert.equal((await fillWithNodes(guest, 'write')).owned, bench.traits.nodesMax);
  }),
  storeCase('the number of watches ends at the quota', async (bench) => {
    const guest = await bench.guest(7);
    const { watchesMax, watchQuotaError } = bench.traits;
    const outcome = await untilRefused((index) => guest.watch('data', String(index)), 300);
    assert.deepEqual(outcome, { taken: watchesMax, refusal: watchQuotaError });
    await answers(guest.unwatch('data', '0'), 'OK');
    await answers(guest.watch('data', 'again'), 'OK');
    await answers(guest.watch('data', 'more'), watchQuotaError);
  }),
  storeCase('the number of open transactions ends at the quota', async (bench) => {
    const guest = await bench.guest(7);
    const { transactionsMax, quotaError } = bench.traits;
    const start = (): Promise<string> => guest.ask({ name: 'transactionStart' });
    assert.deepEqual(await untilRefused(start, 30), {
      taken: transactionsMax,
      refusal: quotaError,
    });
  }),
  storeCase('an ended transaction makes room for another', async (bench) => {
    const guest = await bench.guest(7);
    const ids: number[] = [];
    while (ids.length < bench.traits.transactionsMax) ids.push(await guest.begin());
    await answers(guest.abort(ids[0] ?? 0), 'OK');
    assert.ok((await guest.begin()) > 0);
    await answers(guest.ask({ name: 'transactionStart' }), bench.traits.quotaError);
  }),
  storeCase('a transaction of a guest may touch so many nodes', async (bench) => {
    const guest = await bench.guest(7);
    const { transactionRequestsMax, quotaError } = bench.traits;
    const id = await guest.begin();
    const outcome = await untilRefused((index) => untilMissing(guest, index, id), 2000);
    assert.deepEqual(outcome, { taken: transactionRequestsMax, refusal: quotaError });
  }),
  ...[1, 3, 5].map((permissions): StoreCase =>
    storeCase(
      `the largest value of a node with ${permissions} permissions is exact`,
      async (bench) => {
        const guest = await bench.guest(7);
        await guest.write('a', '');
        const list = ['n7', ...Array.from({ length: permissions - 1 }, () => 'r0')].join(' ');
        await answers(guest.chmod('a', list), 'OK');
        const largest = bench.traits.valueBytesMax(permissions);
        await answers(guest.write('a', 'v'.repeat(largest)), 'OK');
        await answers(guest.write('a', 'v'.repeat(largest + 1)), bench.traits.valueQuotaError);
        assert.equal((await guest.read('a')).length, largest);
      },
    ),
  ),
  storeCase('a permission list of a guest ends at the quota', async (bench) => {
    const guest = await bench.guest(7);
    await guest.write('a', '');
    const list = (count: number): string => Array.from({ length: count }, () => 'n7').join(' ');
    await answers(guest.chmod('a', list(5)), 'OK');
    await answers(guest.chmod('a', list(6)), 'ENOSPC');
    await answers(bench.dom0.chmod(`${home(7)}/a`, list(6)), 'OK');
  }),
  storeCase('the names of children count for the size of their parent', async (bench) => {
    const guest = await bench.guest(7);
    await guest.mkdir('d');
    // 24 bytes of the record, 8 for the permission; each name and its NUL are 101.
    const name = (index: number): string => `d/${String(index).padStart(100, 'n')}`;
    const outcome = await untilRefused((index) => guest.write(name(index), ''), 40);
    assert.deepEqual(outcome, { taken: 19, refusal: 'ENOSPC' });
    await answers(guest.write('d/short', ''), 'OK');
  }),
  storeCase('Dom0 has no quota of nodes, watches and transactions', async ({ dom0, traits }) => {
    for (let index = 0; index < traits.nodesMax + 50; index += 1) {
      await answers(dom0.write(`/many/${spread(index)}`, ''), 'OK');
    }
    for (let index = 0; index < traits.watchesMax + 50; index += 1) {
      await answers(dom0.watch('/none', String(index)), 'OK');
    }
    for (let index = 0; index < traits.transactionsMax + 20; index += 1) {
      assert.ok((await dom0.begin()) > 0);
    }
  }),
];

/** Looks for a node that is not there, inside a transaction: OK as long as that is the answer. */
async function untilMissing(guest: StoreClient, index: number, id: number): Promise<string> {
  const answer = await guest.read(`x${index}`, id);
  return answer === 'ENOENT' ? 'OK' : answer;
}
