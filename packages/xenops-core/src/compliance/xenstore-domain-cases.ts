/** Domains that come and go, what only Dom0 may ask, and what is left of a domain that is gone: nothing. */
import assert from 'node:assert/strict';
import {
  answers,
  home,
  sees,
  type StoreBench,
  storeCase,
  type StoreCase,
} from './xenstore-case.ts';

/** Requests that a guest may not make. */
const PRIVILEGED: readonly (readonly [
  what: string,
  ask: (guest: StoreBench['dom0']) => Promise<string>,
])[] = [
  ['introduce', (guest) => guest.introduce(7)],
  ['release', (guest) => guest.release(7)],
  ['resume', (guest) => guest.resume(7)],
  ['set-target', (guest) => guest.setTarget(7, 7)],
  ['is-introduced', (guest) => guest.isIntroduced(7)],
];

export const domainCases: readonly StoreCase[] = [
  ...PRIVILEGED.map(([what, ask]): StoreCase =>
    storeCase(`a guest may not ask for ${what}`, async (bench) => {
      await answers(ask(await bench.guest(7)), 'EACCES');
    }),
  ),
  storeCase('a guest has no use of control', async (bench) => {
    const guest = await bench.guest(7);
    await answers(guest.control('check'), bench.traits.guestControlAnswer);
  }),
  storeCase('anybody may ask for the path of any domain, there or not', async (bench) => {
    const guest = await bench.guest(7);
    for (const domid of [0, 7, 999]) await answers(guest.getDomainPath(domid), home(domid));
    await answers(bench.dom0.getDomainPath(7), home(7));
  }),
  storeCase('a domain that the hypervisor does not have cannot be introduced', (bench) =>
    answers(bench.dom0.introduce(999), bench.traits.absentDomainError),
  ),
  storeCase('a domain is introduced from its introduction to its release', async (bench) => {
    const { dom0 } = bench;
    await bench.host.setDomain(7, 'alive');
    await answers(dom0.isIntroduced(7), 'F');
    await answers(dom0.introduce(7), 'OK');
    await answers(dom0.isIntroduced(7), 'T');
    await answers(dom0.release(7), 'OK');
    await answers(dom0.isIntroduced(7), 'F');
  }),
  storeCase('Dom0 is introduced', ({ dom0 }) => answers(dom0.isIntroduced(0), 'T')),
  storeCase('introducing fires @introduceDomain, once', async (bench) => {
    const watcher = await bench.connect();
    await watcher.watch('@introduceDomain');
    await sees(watcher, '@introduceDomain t');
    await bench.host.setDomain(7, 'alive');
    await bench.dom0.introduce(7);
    await sees(watcher, '@introduceDomain t');
  }),
  storeCase('introducing again keeps the domain, and its nodes', async (bench) => {
    const guest = await bench.guest(7);
    await guest.write('kept', 'v');
    await answers(bench.dom0.introduce(7), 'OK');
    await answers(bench.dom0.isIntroduced(7), 'T');
    await answers(bench.dom0.read(`${home(7)}/kept`), 'v');
  }),
  storeCase('release fires @releaseDomain', async (bench) => {
    await bench.guest(7);
    const watcher = await bench.connect();
    await watcher.watch('@releaseDomain');
    await watcher.takeEvents();
    await answers(bench.dom0.release(7), 'OK');
    await sees(watcher, '@releaseDomain t');
  }),
  storeCase('release of what is not introduced is refused', async (bench) => {
    await answers(bench.dom0.release(999), bench.traits.unknownDomainError);
  }),
  storeCase('resume of what is not introduced is refused', async (bench) => {
    await answers(bench.dom0.resume(999), bench.traits.unknownDomainError);
  }),
  storeCase('Dom0 cannot be released', async ({ dom0 }) => {
    await answers(dom0.release(0), 'EINVAL');
    await answers(dom0.isIntroduced(0), 'T');
  }),
  storeCase('Dom0 cannot be resumed', ({ dom0 }) => answers(dom0.resume(0), 'EINVAL')),
  storeCase('a shutdown fires @releaseDomain, and the domain stays', async (bench) => {
    const guest = await bench.guest(7);
    await bench.change(7, 'shutdown');
    await answers(bench.dom0.isIntroduced(7), 'T');
    await answers(guest.write('still', 'v'), 'OK');
  }),
  storeCase('after a resume the next shutdown fires again', async (bench) => {
    await bench.guest(7);
    await bench.change(7, 'shutdown');
    await bench.host.setDomain(7, 'alive');
    await answers(bench.dom0.resume(7), 'OK');
    await bench.change(7, 'shutdown');
  }),
  storeCase('the death of a domain ends its introduction', async (bench) => {
    await bench.guest(7);
    await bench.kill(7);
    await answers(bench.dom0.isIntroduced(7), 'F');
  }),
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
  storeCase('only domains that are introduced have or are targets', async (bench) => {
    await bench.guest(7);
    await answers(bench.dom0.setTarget(7, 999), bench.traits.unknownDomainError);
    await answers(bench.dom0.setTarget(999, 7), bench.traits.unknownDomainError);
  }),
  ...(['@introduceDomain', '@releaseDomain'] as const).map((event): StoreCase =>
    storeCase(`a guest may watch ${event}, and hears of it only when it is let`, async (bench) => {
      const guest = await bench.guest(7);
      await answers(guest.watch(event), 'OK');
      await sees(guest, `${event} t`);
      await comeAndGo(bench, 8);
      await sees(guest);
      await answers(bench.dom0.chmod(event, 'n0 r7'), 'OK');
      await guest.takeEvents();
      await comeAndGo(bench, 8);
      await sees(guest, `${event} t`);
    }),
  ),
  storeCase('a guest cannot let itself hear of other domains', async (bench) => {
    const guest = await bench.guest(7);
    // Which error it is, the C daemon leaves to chance.
    assert.match(await guest.chmod('@releaseDomain', 'n0 r7'), /^E/);
    await answers(bench.dom0.chmod('@releaseDomain', 'n0'), 'OK');
    assert.match(await guest.chmod('@releaseDomain', 'n0 r7'), /^E/);
    await guest.watch('@releaseDomain');
    await guest.takeEvents();
    await comeAndGo(bench, 8);
    await sees(guest);
  }),
  storeCase('a later domain of the same number does not inherit @releaseDomain', async (bench) => {
    await bench.guest(7);
    await bench.dom0.chmod('@releaseDomain', 'n0 r7');
    await bench.kill(7);
    const heir = await bench.guest(7);
    await heir.watch('@releaseDomain');
    await heir.takeEvents();
    await comeAndGo(bench, 8);
    await sees(heir);
  }),
];

/** Has a domain introduced and released. */
async function comeAndGo(bench: StoreBench, domid: number): Promise<void> {
  await bench.host.setDomain(domid, 'alive');
  await answers(bench.dom0.introduce(domid), 'OK');
  await answers(bench.dom0.release(domid), 'OK');
}
