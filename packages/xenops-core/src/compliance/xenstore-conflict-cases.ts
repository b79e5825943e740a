/** Transactions that get into each other's way. */
import { answers, storeCase, type StoreCase } from './xenstore-case.ts';

/** Cases of the theme "conflict". */
export const conflictCases: readonly StoreCase[] = [
  ...conflicts(),
  storeCase('changes of different nodes of one folder do not conflict', async ({ dom0 }) => {
    await dom0.write('/d/a', '');
    await dom0.write('/d/b', '');
    const [one, two] = [await dom0.begin(), await dom0.begin()];
    await dom0.write('/d/a', '1', one);
    await dom0.write('/d/b', '2', two);
    await answers(dom0.commit(one), 'OK');
    await answers(dom0.commit(two), 'OK');
    await answers(dom0.read('/d/a'), '1');
    await answers(dom0.read('/d/b'), '2');
  }),
  storeCase('of two transactions that change a node the second to end fails', async ({ dom0 }) => {
    await dom0.write('/a', '');
    const [one, two] = [await dom0.begin(), await dom0.begin()];
    await dom0.write('/a', '1', one);
    await dom0.write('/a', '2', two);
    await answers(dom0.commit(two), 'OK');
    await answers(dom0.commit(one), 'EAGAIN');
    await answers(dom0.read('/a'), '2');
  }),
  storeCase('two transactions that only read do not conflict', async ({ dom0 }) => {
    await dom0.write('/a', 'v');
    const [one, two] = [await dom0.begin(), await dom0.begin()];
    await dom0.read('/a', one);
    await dom0.read('/a', two);
    await answers(dom0.commit(one), 'OK');
    await answers(dom0.commit(two), 'OK');
  }),
  storeCase('an aborted transaction conflicts with nobody', async ({ dom0 }) => {
    await dom0.write('/a', '');
    const [one, two] = [await dom0.begin(), await dom0.begin()];
    await dom0.write('/a', '1', one);
    await dom0.write('/a', '2', two);
    await answers(dom0.abort(one), 'OK');
    await answers(dom0.commit(two), 'OK');
  }),
  storeCase('a failed commit ends the transaction', async ({ dom0, traits }) => {
    await dom0.write('/a', '');
    const id = await dom0.begin();
    await dom0.read('/a', id);
    await dom0.write('/b', '', id);
    await dom0.write('/a', 'x');
    await answers(dom0.commit(id), 'EAGAIN');
    await answers(dom0.commit(id), traits.unknownTransactionError);
  }),
];

/** What a transaction does first, what happens outside then: the commit fails. */
function conflicts(): readonly StoreCase[] {
  type Step = (dom0: Parameters<StoreCase['run']>[0]['dom0'], id?: number) => Promise<string>;
  const insides: Record<string, Step> = {
    'has read a node': (dom0, id) => dom0.read('/d/a', id),
    'has listed a node': (dom0, id) => dom0.list('/d/a', id),
    'has written a node': (dom0, id) => dom0.write('/d/a', 'inside', id),
    'has removed a node': (dom0, id) => dom0.rm('/d/a', id),
    'has read a node and written elsewhere': async (dom0, id) => {
      await dom0.read('/d/a', id);
      return dom0.write('/e', '', id);
    },
  };
  const outsides: Record<string, Step> = {
    write: (dom0) => dom0.write('/d/a', 'outside'),
    remove: (dom0) => dom0.rm('/d/a'),
    'change the permissions of': (dom0) => dom0.chmod('/d/a', 'r0'),
  };
  return Object.entries(insides).flatMap(([inside, act]) =>
    Object.entries(outsides).map(([outside, interfere]) =>
      storeCase(
        `a transaction that ${inside} fails when others ${outside} it`,
        async ({ dom0 }) => {
          await dom0.write('/d/a', 'before');
          const id = await dom0.begin();
          await act(dom0, id);
          await answers(interfere(dom0), 'OK');
          await answers(dom0.commit(id), 'EAGAIN');
        },
      ),
    ),
  );
}
