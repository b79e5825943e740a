/** What a VM's settings, its guest, and those who take part make of its life, on an embedded host. Needs the build. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { valueBecomes, waitFor } from '@xenops/core/xenstore';
import { ManagerError } from '../manager/manager-error.ts';
import { EmbeddedHost, IS_BUILT } from './embedded-host.test-helper.ts';
import type { LifePart } from './life.ts';

const A = '44444444-0000-4000-8000-00000000000a';
const B = '44444444-0000-4000-8000-00000000000b';
const C = '44444444-0000-4000-8000-00000000000c';
const describeBuilt = IS_BUILT ? describe : describe.skip;
jest.setTimeout(120_000);

let bench: EmbeddedHost;
beforeEach(async () => {
  if (IS_BUILT) bench = await EmbeddedHost.open();
});
afterEach(async () => {
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});

/** Takes part and keeps what it is asked. */
function keptPart(asked: string[], failing?: keyof LifePart): LifePart {
  const ask = (what: keyof LifePart) => async (): Promise<void> => {
    asked.push(what);
    if (what === failing) throw new ManagerError('NO_NETWORK_BACKEND', { message: 'no' });
  };
  return {
    name: 'a part',
    check: ask('check'),
    domainMade: ask('domainMade'),
    created: ask('created'),
    running: ask('running'),
    gone: ask('gone'),
  };
}

describeBuilt('those who take part', () => {
  test('are asked in order, from the check to the end', async () => {
    const asked: string[] = [];
    await bench.addVm(A);
    await using manager = bench.manager([keptPart(asked)]);
    await manager.life.adopt();
    await manager.life.start(A);
    await manager.life.stopAll({ isForced: false });
    expect(asked).toEqual(['check', 'domainMade', 'created', 'running', 'gone']);
  });

  test.each([
    ['check', ['check']],
    ['domainMade', ['check', 'domainMade', 'gone']],
  ] as const)('end a start by failing in %s, and nothing of it is left', async (failing, all) => {
    const asked: string[] = [];
    await bench.addVm(A);
    await using manager = bench.manager([keptPart(asked, failing)]);
    const { life } = manager;
    await life.adopt();
    await expect(life.start(A)).rejects.toMatchObject({ code: 'NO_NETWORK_BACKEND' });
    await bench.until(() => bench.told.at(-1) === `${A} stopped 5`);
    expect([asked, life.publicState(A)]).toEqual([all, 'stopped']);
    const domains = await bench.host.hypervisor.listDomains();
    expect(domains.map(({ domid }) => domid)).toEqual([0]);
    const { store } = bench.host;
    expect(await store.directory('/xenmgr/starting')).toEqual([]);
    expect(await store.find(`/xenmgr/vms/${A}`)).toBeUndefined();
  });

  test('do not end it by failing later', async () => {
    await bench.addVm(A);
    await using manager = bench.manager([keptPart([], 'created')]);
    await manager.life.adopt();
    await manager.life.start(A);
    expect(manager.life.publicState(A)).toBe('running');
  });
});

describeBuilt('hooks', () => {
  let told: string;
  let program: string;
  beforeEach(async () => {
    told = path.join(bench.folder, 'told');
    program = path.join(bench.folder, 'hook');
    await writeFile(program, `#!/bin/sh\necho "$@" >> ${told}\n`, { mode: 0o755 });
  });

  test('hear of every public state in its order, but not of the steps of creation', async () => {
    await bench.addVm(A, { 'run-on-state-change': program, 'run-pre-boot': program });
    await using manager = bench.manager();
    await manager.life.adopt();
    await manager.life.start(A);
    await manager.life.stopAll({ isForced: false });
    const lines = (await readFile(told, 'utf8')).trim().split('\n');
    const states = lines.flatMap((line) => line.split(' ')[1] ?? []);
    expect(states).toEqual(['creating', 'running', 'stopping', 'stopped']);
    expect(lines).toContain(A);
  });

  test('before the boot end it by failing', async () => {
    await bench.addVm(A, { 'run-pre-boot': '/bin/false' });
    await using manager = bench.manager();
    await manager.life.adopt();
    await expect(manager.life.start(A)).rejects.toMatchObject({ code: 'IO' });
    expect(manager.life.publicState(A)).toBe('stopped');
  });

  test('in place of the start leave the VM alone unless they start it', async () => {
    await bench.addVm(A, { 'run-insteadof-start': program });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    expect([await readFile(told, 'utf8'), life.publicState(A)]).toEqual([`${A}\n`, 'stopped']);
    expect(bench.told).toEqual([]);
    await life.start(A, { isInternal: true });
    expect(life.publicState(A)).toBe('running');
  });
});

describeBuilt('a start', () => {
  test('is refused while the host goes down', async () => {
    await bench.addVm(A);
    await using manager = bench.manager([], { isHostIdle: () => false });
    await manager.life.adopt();
    await expect(manager.life.start(A)).rejects.toMatchObject({ code: 'HOST_NOT_IDLE' });
    expect(bench.told).toEqual([]);
  });

  test('of a VM that runs changes nothing', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    await manager.life.adopt();
    await Promise.all([manager.life.start(A), manager.life.start(A)]);
    const before = bench.told.length;
    await manager.life.start(A);
    expect([manager.life.domid(A), bench.told.length]).toEqual([1, before]);
  });

  test('waits for the word of its guest', async () => {
    await bench.addVm(A, { 'boot-sentinel': 'report/ready' });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    let isStarted = false;
    const starting = life.start(A).then(() => {
      isStarted = true;
    });
    await bench.until(() => bench.told.at(-1) === `${A} running 0`);
    expect(isStarted).toBe(false);
    const sentinel = '/local/domain/1/report/ready';
    expect(await bench.host.store.getPermissions(sentinel)).toEqual({
      owner: 0,
      others: 'none',
      listed: [{ domid: 1, access: 'both' }],
    });
    await bench.host.store.write(sentinel, '1');
    await starting;
  });

  test('has those that it names started first, and they start what they name', async () => {
    await bench.addVm(C);
    await bench.addVm(B, { 'depends-on/0': C });
    await bench.addVm(A, { 'depends-on/0': B });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    expect([C, B, A].map((uuid) => life.domid(uuid))).toEqual([1, 2, 3]);
  });

  test('without what it depends on is refused, and a cycle is named', async () => {
    const needs = (uuid: string): Record<string, string> => ({
      'track-dependencies': 'true',
      'config/nic/0/backend-uuid': uuid,
    });
    await bench.addVm(A, needs(B));
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await expect(life.start(A)).rejects.toMatchObject({ code: 'DEPENDENCY_MISSING' });
    await bench.addVm(B, needs(A));
    life.added(B);
    await expect(life.start(A)).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: expect.stringContaining(`${A} needs ${B} needs ${A}`),
    });
  });
});

describeBuilt('a VM that is off', () => {
  test('can be stopped, and nothing else', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.shutdown(A);
    await life.destroy(A);
    await life.hibernate(A);
    const refused = [life.pause(A), life.reboot(A), life.sleep(A), life.resume(A), life.unpause(A)];
    for (const end of await Promise.allSettled(refused)) {
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'VM_WRONG_STATE' } });
    }
  });
});

describeBuilt('a guest', () => {
  test('that reboots stays rebooted where it shall', async () => {
    await bench.addVm(A, { 'preserve-on-reboot': 'true' });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    await life.reboot(A);
    await bench.until(() => bench.told.at(-1) === `${A} rebooted 5`);
    expect([life.isRunning(A), life.domid(A)]).toEqual([false, -1]);
    await life.start(A);
    expect(life.publicState(A)).toBe('running');
  });

  test('is suspended to a file and goes on from it', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    const { life } = manager;
    const file = path.join(bench.folder, 'host', 'storage', 'memory', 'image');
    await life.adopt();
    await life.start(A);
    for (const elsewhere of [path.join(bench.folder, 'image'), '/etc/hostname', 'image']) {
      const refused = { code: 'BAD_VALUE', message: expect.stringContaining('A memory image is') };
      await expect(life.suspendToFile(A, elsewhere)).rejects.toMatchObject(refused);
      await expect(life.resumeFromFile(A, elsewhere)).rejects.toMatchObject(refused);
    }
    expect(life.publicState(A)).toBe('running');
    await life.suspendToFile(A, file);
    expect(life.publicState(A)).toBe('suspended');
    await life.resumeFromFile(A, file);
    expect([life.publicState(A), life.domid(A)]).toEqual(['running', 2]);
  });

  test('tells of its drivers and its clock, and both are stored', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    await manager.life.adopt();
    await manager.life.start(A);
    const { store } = bench.host;
    const stored = new Promise<void>((resolve) => {
      bench.database.onChange((_changes, view) => {
        const isWhole = view.read(`/vm/${A}/pv-addons-version`) !== undefined;
        if (isWhole && view.read(`/vm/${A}/time-offset`) === '-60') resolve();
      });
    });
    const nodes = ['MajorVersion', 'MinorVersion', 'MicroVersion', 'BuildVersion'];
    for (const node of nodes) await store.write(`/local/domain/1/attr/PVAddons/${node}`, '7');
    await store.write('/local/domain/1/attr/PVAddons/Installed', '1');
    await store.write(`/vm/${A}/rtc/timeoffset`, '-60');
    await stored;
    const view = bench.database.view();
    expect(view.read(`/vm/${A}/pv-addons-installed`)).toBe('true');
    expect(view.read(`/vm/${A}/pv-addons-version`)).toBe('7.7.7.7');
  });

  test('that powers off takes the host with it where it has its power', async () => {
    await bench.addVm(A, { 'control-platform-power-state': 'true' });
    const followed: string[] = [];
    const onPowerLink = async (_uuid: string, action: string): Promise<void> => {
      followed.push(action);
    };
    await using manager = bench.manager([], { onPowerLink });
    const { life } = manager;
    await life.adopt();
    await life.start(A);
    await bench.host.store.write('/local/domain/1/power-state', '3');
    await bench.until(() => life.acpiState(A) === 3 && followed.length === 1);
    expect(followed).toEqual(['sleep']);
  });
});

describeBuilt('the switcher', () => {
  test('is told of settings as they change, for as long as the VM runs', async () => {
    await bench.addVm(A);
    await using manager = bench.manager();
    const { life } = manager;
    const { store } = bench.host;
    await life.adopt();
    await life.start(A);
    const shown = `/xenmgr/vms/${A}/name`;
    await bench.database.transact((draft) => draft.write(`/vm/${A}/name`, 'another'));
    await waitFor(store, valueBecomes(shown, 'another'), { timeoutMs: 10_000 });
    await life.stopAll({ isForced: false });
    await bench.database.transact((draft) => draft.write(`/vm/${A}/name`, 'third'));
    expect(await store.find(shown)).toBeUndefined();
  });
});

describeBuilt('a manager that finds a guest asleep', () => {
  test('knows it, and does not put the host to sleep for it', async () => {
    await bench.addVm(A, { 'control-platform-power-state': 'true' });
    const followed: string[] = [];
    const onPowerLink = async (_uuid: string, action: string): Promise<void> => {
      followed.push(action);
    };
    const first = bench.manager();
    await first.life.adopt();
    await first.life.start(A);
    await first.abandon();
    await bench.host.store.write('/local/domain/1/power-state', '3');
    await using manager = bench.manager([], { onPowerLink });
    const { life } = manager;
    await life.adopt();
    await bench.host.store.write('/local/domain/1/power-state', '3');
    await bench.host.store.write('/local/domain/1/power-state', '0');
    await bench.until(() => bench.told.at(-1) === `${A} running 0` && life.acpiState(A) === 0);
    expect(followed).toEqual([]);
  });
});

describeBuilt('stopping', () => {
  test('all by force destroys what does not stop', async () => {
    await bench.addVm(A, { 'config/cmdline': 'sim.shutdown=ignore' });
    await bench.addVm(B);
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await Promise.all([life.start(A), life.start(B)]);
    const polite = life.stopAll({ isForced: false, timeoutMs: 500 });
    await expect(polite).rejects.toMatchObject({ code: 'SHUTDOWN_TIMEOUT' });
    expect([life.publicState(A), life.publicState(B)]).toEqual(['running', 'stopped']);
    await life.stopAll({ isForced: true, timeoutMs: 500 });
    expect(life.publicState(A)).toBe('stopped');
  });

  test('asks the agent first, and the kernel when that does nothing', async () => {
    const asked: string[] = [];
    const agent = {
      isPresent: async () => true,
      request: async (_uuid: string, what: string) => {
        asked.push(what);
        throw new ManagerError('PEER_ABSENT', { message: 'gone' });
      },
    };
    await bench.addVm(A);
    await using manager = bench.manager([], {}, { agent });
    await manager.life.adopt();
    await manager.life.start(A);
    await manager.life.shutdown(A);
    expect([asked, manager.life.publicState(A)]).toEqual([['shutdown'], 'stopped']);
  });
});

describeBuilt('starting by themselves', () => {
  test('VMs wait for the installation and for their users', async () => {
    const start = { start_on_boot: 'true' };
    await bench.addVm(A, start);
    await bench.addVm(B, { ...start, 'crypto-user': 'abc' });
    await using manager = bench.manager();
    const { life } = manager;
    const config = path.join(bench.folder, 'host', 'config');
    await mkdir(config, { recursive: true });
    await writeFile(path.join(config, 'deferred_eula'), '');
    await life.adopt();
    await life.autostart();
    expect([life.isAutostartPending(A), life.isRunning(A)]).toEqual([true, false]);
    await rm(path.join(config, 'deferred_eula'));
    await life.drainAutostart();
    expect([life.publicState(A), life.publicState(B)]).toEqual(['running', 'locked']);
    expect([life.isAutostartPending(A), life.isAutostartPending(B)]).toEqual([false, true]);
  });

  test('one that cannot start does not keep the others from it', async () => {
    const start = { start_on_boot: 'true', start_on_boot_priority: '5' };
    await bench.addVm(A, { ...start, 'run-pre-boot': '/bin/false' });
    await bench.addVm(B, { start_on_boot: 'true' });
    await using manager = bench.manager();
    const { life } = manager;
    await life.adopt();
    await life.autostart();
    expect([life.publicState(A), life.publicState(B)]).toEqual(['stopped', 'running']);
    expect(life.isAutostartPending(A)).toBe(false);
  });
});
