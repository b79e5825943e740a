/** Whole VMs on an embedded host, with the monitor as a process of its own. Needs the build. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { destroyDomain } from '@xenops/core/domain';
import { domid } from '@xenops/core/ids';
import { listTree, valueBecomes, waitFor } from '@xenops/core/xenstore';
import { ManagerError } from '../manager/manager-error.ts';
import { EmbeddedHost, IS_BUILT } from './embedded-host.test-helper.ts';

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

const codeOf = (error: unknown): string => (error instanceof ManagerError ? error.code : '');

const statesOf = (uuid: string): string =>
  bench.told.flatMap((line) => (line.startsWith(uuid) ? (line.split(' ')[1] ?? []) : [])).join(' ');

/** Folders of the manager and of the monitor that stay, empty. */
const OWN_FOLDERS = ['/xenmgr', '/xenmgr/starting', '/xenmgr/vms', '/xenops', '/xenops/vm'];

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
    await bench.until(() => statesOf(A).endsWith('stopped'));
    expect(statesOf(A)).toBe('creating running stopping stopped');
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
    await bench.until(() => life.domid(A) === 2 && life.publicState(A) === 'running');
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
    await bench.until(() => life.domid(A) === 2 && life.publicState(A) === 'running');
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
    using _listening = monitors.onEvent(({ kind, uuid }) => {
      if (kind === 'lost') lost.push(uuid);
    });
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
    await bench.until(() => next.life.publicState(B) === 'stopped');
    expect([next.life.domid(A), next.life.publicState(A)]).toEqual([1, 'running']);
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
    await bench.until(() => life.domid(A) === 1);
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
    await bench.until(() => first.monitors.state(A)?.status === 'created');
    await first.abandon();
    await using next = bench.manager();
    await next.life.adopt();
    await bench.until(() => next.life.publicState(A) === 'stopped');
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

describeBuilt('memory', () => {
  const C = '11111111-0000-4000-8000-00000000000c';
  const freeMib = async (): Promise<number> => {
    const { freeMemoryKib, scrubMemoryKib } = await bench.host.hypervisor.physInfo();
    return Math.floor((freeMemoryKib + scrubMemoryKib) / 1024);
  };

  test('is counted once, however many VMs start at a time', async () => {
    const memory = String(Math.floor((await freeMib()) * 0.4));
    for (const uuid of [A, B, C]) await bench.addVm(uuid, { 'config/memory': memory });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    const ends = await Promise.allSettled([A, B, C].map((uuid) => life.start(uuid)));
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [codeOf(end.reason)] : []));
    expect(failed).toEqual(['NOT_ENOUGH_MEMORY']);
    expect([A, B, C].filter((uuid) => life.isRunning(uuid))).toHaveLength(2);
  });

  test('is taken from those that can give it, down to their minimum, and given back', async () => {
    const free = await freeMib();
    const [large, small] = [Math.floor(free * 0.7), Math.floor(free * 0.4)];
    await bench.addVm(A, { 'config/memory': String(large), 'config/memory-min': '64' });
    await bench.addVm(B, { 'config/memory': String(small) });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    const target = async (): Promise<number> =>
      Number(await bench.host.store.read('/local/domain/1/memory/target'));
    const before = await target();
    await life.start(B);
    expect(await target()).toBeLessThan(before);
    await life.shutdown(B);
    await waitFor(bench.host.store, valueBecomes('/local/domain/1/memory/target', String(before)), {
      timeoutMs: 10_000,
    });
  });

  test('is less than wanted where there is not as much, but not less than the minimum', async () => {
    const free = await freeMib();
    const memory = String(free + 100);
    await bench.addVm(A, { 'config/memory': memory, 'config/memory-min': String(free + 50) });
    await bench.addVm(B, { 'config/memory': memory, 'config/memory-min': '64' });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await expect(life.start(A)).rejects.toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
    await life.start(B);
    expect(life.publicState(B)).toBe('running');
  });
});

/** `npm test` takes 200, `npm run test:unit` a sample of them. */
const VM_COUNT = process.env['XENOPS_TEST_ALL'] === '1' ? 200 : 20;

describeBuilt('many VMs', () => {
  test('start beside one whose start hangs, and stop although the monitor is killed', async () => {
    const uuids = Array.from(
      { length: VM_COUNT },
      (_, at) => `22222222-0000-4000-8000-${String(at).padStart(12, '0')}`,
    );
    for (const uuid of uuids) await bench.addVm(uuid);
    await bench.addVm(A, { 'config/cmdline': 'sim.build=hang' });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    const hanging = life.start(A).catch((error: unknown) => error);
    await bench.until(() => life.domid(A) === 1);
    await Promise.all(uuids.map((uuid) => life.start(uuid)));
    expect(uuids.filter((uuid) => life.publicState(uuid) !== 'running')).toEqual([]);
    expect(life.publicState(A)).toBe('creating');
    const pid = await bench.monitorPid();
    await bench.kill(pid);
    await life.stopAll({ isForced: true });
    expect(uuids.filter((uuid) => life.publicState(uuid) !== 'stopped')).toEqual([]);
    expect(await hanging).toMatchObject({ code: expect.any(String) });
  });
});
