/** Whole VMs on an embedded host, with the monitor as a process of its own. Needs the build. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { destroyDomain } from '@xenops/core/domain';
import { domid } from '@xenops/core/ids';
import { systemClock } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { listTree } from '@xenops/core/xenstore';
import { EmbeddedHost, IS_BUILT, type RunningManager } from './embedded-host.test-helper.ts';

const A = '11111111-0000-4000-8000-00000000000a';
const B = '11111111-0000-4000-8000-00000000000b';
const describeBuilt = IS_BUILT ? describe : describe.skip;
jest.setTimeout(120_000);

let bench: EmbeddedHost;
beforeEach(async () => {
  if (IS_BUILT) bench = await EmbeddedHost.open();
});
afterEach(async () => {
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});

/** Resolves once the condition holds; it is looked at whenever something happens to a VM. */
async function until({ monitors }: RunningManager, isTrue: () => boolean): Promise<void> {
  const what = 'what the test waits for';
  await withDeadline({ what }, { timeoutMs: 60_000, clock: systemClock }, async (signal) => {
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        const listening = monitors.onEvent(() => setImmediate(done));
        const done = (): void => {
          listening[Symbol.dispose]();
          resolve();
        };
        signal.addEventListener('abort', done);
      });
      signal.throwIfAborted();
    }
  });
}

const statesOf = (uuid: string): string =>
  bench.told.flatMap((line) => (line.startsWith(uuid) ? (line.split(' ')[1] ?? []) : [])).join(' ');

/** Folders of the manager and of the monitor that stay, empty. */
const OWN_FOLDERS = ['/xenmgr/starting', '/xenmgr/vms', '/xenops', '/xenops/vm'];

const DEPENDS_ON_A = {
  'track-dependencies': 'true',
  'config/nic/0/backend-uuid': A,
  'config/nic/0/id': '0',
  // The NIC itself would need a bridge.
  'policies/wired-networking': 'false',
};

describeBuilt('a VM', () => {
  test('is started, seen, stopped, and leaves nothing but its state', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    const before = new Map(await listTree(bench.host.store, '/'));
    expect(life.publicState(A)).toBe('stopped');
    await life.start(A);
    expect([life.publicState(A), life.domid(A), life.acpiState(A)]).toEqual(['running', 1, 0]);
    const { store } = bench.host;
    expect(await store.read(`/xenmgr/vms/${A}/domid`)).toBe('1');
    await life.shutdown(A);
    expect([life.publicState(A), life.acpiState(A)]).toEqual(['stopped', 5]);
    await life.stopAll({ isForced: false });
    expect(statesOf(A)).toBe('creating creating creating creating running stopping stopped');
    const after = new Map(await listTree(store, '/'));
    const added = [...after.keys()].filter((node) => !before.has(node));
    expect(added.sort()).toEqual(['/vm', `/vm/${A}`, `/vm/${A}/state`, ...OWN_FOLDERS]);
    expect(await store.read(`/vm/${A}/state`)).toBe('shutdown');
  });

  test('starts again after a reboot of the host side and of the guest side', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    await life.reboot(A);
    await until(manager, () => life.domid(A) === 2 && life.publicState(A) === 'running');
    expect(statesOf(A)).toContain('stopping rebooting rebooted creating');
    await life.destroy(A);
    expect(life.publicState(A)).toBe('stopped');
  });

  test('that crashes is kept alive, and not after it was stopped', async () => {
    await bench.addVm(A, { 'keep-alive': 'true' });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    await destroyDomain(bench.host, domid(1), { timeoutMs: 10_000 });
    await until(manager, () => life.domid(A) === 2 && life.publicState(A) === 'running');
    await life.shutdown(A);
    await life.stopAll({ isForced: false });
    expect(life.publicState(A)).toBe('stopped');
    expect(bench.log.filter((line) => line.includes('started again in'))).toHaveLength(1);
  });
});

describeBuilt('two VMs, one of which needs the other,', () => {
  beforeEach(async () => {
    await bench.addVm(A, { 'provides-network-backend': 'true', type: 'ndvm' });
    await bench.addVm(B, DEPENDS_ON_A);
  });

  test('start in order and stop in reverse', async () => {
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    expect(await life.dependencies(B)).toEqual([A]);
    await life.start(B);
    expect([life.domid(A), life.domid(B)]).toEqual([1, 2]);
    await life.stopAll({ isForced: false });
    const stops = bench.told.filter((line) => line.includes('stopped'));
    expect(stops.map((line) => line.split(' ')[0])).toEqual([B, A]);
  });

  test('run on when the monitor is killed, and are found again', async () => {
    await using manager = bench.manager();
    const { life, monitors } = manager;
    await life.adopt();
    await life.start(B);
    const lost: string[] = [];
    using _listening = monitors.onEvent(
      ({ kind, uuid }) => void (kind === 'lost' && lost.push(uuid)),
    );
    const pid = await bench.monitorPid();
    await bench.kill(pid);
    await life.shutdown(B);
    expect(await bench.monitorPid()).not.toBe(pid);
    expect([life.publicState(A), life.publicState(B), life.domid(A)]).toEqual([
      'running',
      'stopped',
      1,
    ]);
    expect(lost.sort()).toEqual([A, B]);
  });

  test('run on when the manager is killed, and the next one takes them over', async () => {
    const first = bench.manager();
    await first.life.adopt();
    await first.life.start(B);
    await first.abandon();
    bench.told.length = 0;
    // What happens meanwhile is seen to afterwards.
    await destroyDomain(bench.host, domid(2), { timeoutMs: 10_000 });
    await using next = bench.manager();
    await next.life.adopt();
    await until(next, () => next.life.publicState(A) === 'running');
    expect([next.life.domid(A), next.life.publicState(B)]).toEqual([1, 'stopped']);
    await next.life.stopAll({ isForced: false });
    expect(bench.told.map((line) => line.split(' ').slice(0, 2))).toEqual(
      expect.arrayContaining([
        [B, 'stopped'],
        [A, 'stopped'],
      ]),
    );
    expect(await bench.host.store.find(`/xenmgr/vms/${B}`)).toBeUndefined();
  });

  test('start by themselves once in the life of a host', async () => {
    await bench.database.transact((draft) => {
      for (const uuid of [A, B]) draft.write(`/vm/${uuid}/start_on_boot`, 'true');
    });
    {
      await using manager = bench.manager();
      await manager.life.adopt();
      await manager.life.autostart();
      expect([manager.life.domid(A), manager.life.domid(B)]).toEqual([1, 2]);
      await manager.life.shutdown(B);
    }
    await using manager = bench.manager();
    await manager.life.adopt();
    await manager.life.autostart();
    expect([manager.life.publicState(A), manager.life.publicState(B)]).toEqual([
      'running',
      'stopped',
    ]);
  });
});

describeBuilt('a start', () => {
  test('that hangs is undone when the VM is destroyed, and its memory is free for others', async () => {
    await bench.addVm(A, { 'config/cmdline': 'sim.build=hang' });
    await bench.addVm(B);
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    const hanging = life.start(A);
    const failed = expect(hanging).rejects.toMatchObject({ code: 'VM_NOT_READY' });
    await until(manager, () => life.domid(A) === 1);
    await life.start(B);
    expect(life.publicState(B)).toBe('running');
    await life.destroy(A);
    await failed;
    expect(life.publicState(A)).toBe('stopped');
  });

  test('that was under way when the manager was killed is undone by the next', async () => {
    await bench.addVm(A);
    const first = bench.manager([
      { name: 'a part that hangs', domainMade: () => new Promise(() => undefined) },
    ]);
    await first.life.adopt();
    first.life.start(A).catch(() => undefined);
    await until(first, () => first.monitors.state(A)?.status === 'created');
    await first.abandon();
    await using next = bench.manager();
    await next.life.adopt();
    await until(next, () => next.life.publicState(A) === 'stopped');
    await next.life.start(A);
    expect(next.life.publicState(A)).toBe('running');
  });

  test('for which there is too little memory is refused by that name, and leaves nothing', async () => {
    await bench.addVm(A, { 'config/memory': '9999999' });
    await using manager = bench.manager();
    await manager.life.adopt();
    await expect(manager.life.start(A)).rejects.toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
    expect(manager.life.publicState(A)).toBe('stopped');
  });
});
