/** What is left of a domain that is gone: nothing. */
import assert from 'node:assert/strict';
import { answers, home, sees, storeCase, type StoreCase } from './xenstore-case.ts';

/** Cases of the theme "domain death". */
export const domainDeathCases: readonly StoreCase[] = [
  storeCase('the death of a domain ends its introduction', async (bench) => {
    await bench.guest(7);
    await bench.kill(7);
    await answers(bench.dom0.isIntroduced(7), 'F');
  }),
  storeCase('a domain that is dying is as good as dead', async (bench) => {
    const guest = await bench.guest(7);
    await guest.write('data', 'v');
    await bench.change(7, 'dying');
    await answers(bench.dom0.isIntroduced(7), 'F');
    await answers(bench.dom0.read(`${home(7)}/data`), 'ENOENT');
  }),
  storeCase('release takes the same away as death', async (bench) => {
    const guest = await bench.guest(7);
    await guest.write('data', 'v');
    await answers(bench.dom0.release(7), 'OK');
    await guest.closed();
    await answers(bench.dom0.read(`${home(7)}/data`), 'ENOENT');
  }),
  storeCase('rights given to a domain before its introduction die with it', async (bench) => {
    await bench.guest(7);
    await bench.host.setDomain(8, 'alive');
    await bench.dom0.write('/shared', 'v');
    await answers(bench.dom0.chmod('/shared', 'n0 b8'), 'OK');
    await bench.host.setDomain(8, 'absent');
    // Its end has no event; that of the other domain comes after it.
    await bench.kill(7);
    const heir = await bench.guest(8);
    await answers(heir.read('/shared'), 'EACCES');
  }),
  storeCase(
    'rights given to a number that no domain has are never worth anything',
    async (bench) => {
      await bench.dom0.write('/shared', 'v');
      await answers(bench.dom0.chmod('/shared', 'n0 b7'), 'OK');
      const guest = await bench.guest(7);
      await answers(guest.read('/shared'), 'EACCES');
    },
  ),
  storeCase('death hangs up on the guest', async (bench) => {
    const guest = await bench.guest(7);
    await bench.kill(7);
    await guest.closed();
  }),
  storeCase('the death of a domain removes what it owns, anywhere in the tree', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write('/far/away', '');
    await bench.dom0.chmod('/far/away', 'b0');
    await guest.write('/far/away/mine', 'v');
    await guest.write('data/x', 'v');
    await bench.kill(7);
    await answers(bench.dom0.list('/far/away'), '');
    await answers(bench.dom0.read(`${home(7)}/data/x`), 'ENOENT');
    await answers(bench.dom0.read(home(7)), 'ENOENT');
  }),
  storeCase('nodes of others stay when a domain dies', async (bench) => {
    const [, other] = [await bench.guest(7), await bench.guest(8)];
    await other.write('data', 'v');
    await bench.kill(7);
    await answers(bench.dom0.read(`${home(8)}/data`), 'v');
    await answers(other.read('data'), 'v');
  }),
  storeCase('the lists of others no longer count for a domain that is dead', async (bench) => {
    await bench.guest(7);
    await bench.dom0.write('/shared', 'v');
    await bench.dom0.chmod('/shared', 'n0 r7');
    await bench.kill(7);
    await answers(bench.dom0.permissions('/shared'), bench.traits.permissionsOfDead);
  }),
  storeCase('a later domain of the same number gets no right of the earlier one', async (bench) => {
    await bench.guest(7);
    await bench.dom0.write('/shared', 'v');
    await bench.dom0.chmod('/shared', 'n0 b7');
    await bench.kill(7);
    const heir = await bench.guest(7);
    await answers(heir.read('/shared'), 'EACCES');
    await answers(heir.write('/shared', 'x'), 'EACCES');
  }),
  storeCase('a later domain of the same number has the whole quota again', async (bench) => {
    const guest = await bench.guest(7);
    for (let index = 0; index < 600; index += 1) await guest.write(`d/${index % 30}/${index}`, '');
    await bench.kill(7);
    const heir = await bench.guest(7);
    for (let index = 0; index < 600; index += 1) {
      await answers(heir.write(`d/${index % 30}/${index}`, ''), 'OK');
    }
  }),
  storeCase('the watches of a dead domain are gone for its successor', async (bench) => {
    const guest = await bench.guest(7);
    await guest.watch('data', 'old');
    await bench.kill(7);
    const heir = await bench.guest(7);
    await heir.write('data', 'v');
    await sees(heir);
    await answers(heir.unwatch('data', 'old'), 'ENOENT');
  }),
  storeCase('the transactions of a dead domain are gone for its successor', async (bench) => {
    const guest = await bench.guest(7);
    const id = await guest.begin();
    await guest.write('data', 'v', id);
    await bench.kill(7);
    const heir = await bench.guest(7);
    await answers(heir.commit(id), bench.traits.unknownTransactionError);
    await answers(heir.read('data'), 'ENOENT');
  }),
  storeCase('death fires watches on the nodes that go with the domain', async (bench) => {
    const guest = await bench.guest(7);
    await guest.write('data', 'v');
    const watcher = await bench.connect();
    await watcher.watch(`${home(7)}/data`);
    await watcher.takeEvents();
    await bench.kill(7);
    assert.ok((await watcher.takeEvents()).includes(`${home(7)}/data t`));
  }),
  storeCase('a stub domain has the rights of its target', async (bench) => {
    const [stub, target] = [await bench.guest(8), await bench.guest(7)];
    await target.write('data', 'v');
    await answers(stub.read(`${home(7)}/data`), 'EACCES');
    await answers(bench.dom0.setTarget(8, 7), 'OK');
    await answers(stub.read(`${home(7)}/data`), 'v');
    await answers(stub.write(`${home(7)}/data`, 'w'), 'OK');
  }),
  storeCase(
    'a stub domain has no right of a later domain with the number of its target',
    async (bench) => {
      const stub = await bench.guest(8);
      await bench.guest(7);
      await answers(bench.dom0.setTarget(8, 7), 'OK');
      await bench.kill(7);
      await bench.guest(7);
      await answers(stub.read(home(7)), 'EACCES');
    },
  ),
  storeCase('a target gets no right of its stub domain', async (bench) => {
    const [stub, target] = [await bench.guest(8), await bench.guest(7)];
    await stub.write('data', 'v');
    await answers(bench.dom0.setTarget(8, 7), 'OK');
    await answers(target.read(`${home(8)}/data`), 'EACCES');
  }),
  ...(
    [
      ['a stub domain dies, then its target', 8, 7],
      ['a target dies, then its stub domain', 7, 8],
    ] as const
  ).map(([name, first, second]): StoreCase =>
    storeCase(`${name}, and nothing is left of either`, async (bench) => {
      await bench.guest(7);
      await bench.guest(8);
      await bench.dom0.setTarget(8, 7);
      await bench.kill(first);
      await bench.kill(second);
      for (const domid of [7, 8]) {
        await answers(bench.dom0.isIntroduced(domid), 'F');
        await answers(bench.dom0.read(home(domid)), 'ENOENT');
      }
    }),
  ),
  storeCase('a later domain of the same number does not inherit @releaseDomain', async (bench) => {
    await bench.guest(7);
    await bench.dom0.chmod('@releaseDomain', 'n0 r7');
    await bench.kill(7);
    const heir = await bench.guest(7);
    await heir.watch('@releaseDomain');
    await heir.takeEvents();
    await bench.comeAndGo(8);
    await sees(heir);
  }),
];
