/** Domains that come and go, and what only Dom0 may ask. */
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

/** Cases of the theme "domain". */
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
  storeCase('control check is for Dom0', ({ dom0 }) => answers(dom0.control('check'), 'OK')),
  storeCase('anybody may ask for the path of any domain, there or not', async (bench) => {
    const guest = await bench.guest(7);
    for (const domid of [0, 7, 999]) await answers(guest.getDomainPath(domid), home(domid));
    await answers(bench.dom0.getDomainPath(7), home(7));
  }),
  storeCase('a domain that the hypervisor does not have cannot be introduced', (bench) =>
    answers(bench.dom0.introduce(999), bench.traits.absentDomainError),
  ),
  storeCase('a domain cannot be introduced without a port', async (bench) => {
    await bench.host.setDomain(7, 'alive');
    await answers(bench.dom0.introduce(7, 0), 'EINVAL');
    await answers(bench.dom0.isIntroduced(7), 'F');
  }),
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
      await bench.comeAndGo(8);
      await sees(guest);
      await answers(bench.dom0.chmod(event, 'n0 r7'), 'OK');
      await guest.takeEvents();
      await bench.comeAndGo(8);
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
    await bench.comeAndGo(8);
    await sees(guest);
  }),
];
