import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MonitorHost, UUID } from './monitor-host.lab-helper.ts';
import { planHalt, planReboot, planRestore, planSave, planStart, type Plan } from './vm/plan.ts';

/** The monitor as its clients meet it, on real Xen: a guest's life from its config file on. */
const TEST_TIMEOUT_MS = 600_000;
const DISK = 51_712;

let host: MonitorHost;
let before: string;

beforeAll(async () => {
  host = await MonitorHost.start();
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);
beforeEach(async () => {
  before = await host.fingerprint();
  await host.hearNothing();
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  await host.sh(`rm -f ${host.folder}/image`);
  expect(await host.fingerprint()).toBe(before);
}, TEST_TIMEOUT_MS);

const image = (): string => `${host.folder}/image`;
const disk = (name: string): string => `${host.folder}/disk-${name}.img`;

/** What xl says of the guest's state, such as `r` or `b`; undefined without one. */
async function xlState(): Promise<string | undefined> {
  const line = await host.sh('xl list | awk \'$1 == "guest" { print $5 }\'');
  return line === '' ? undefined : line.replaceAll('-', '');
}

describe.each(['pv', 'pvh'] as const)('a %s guest', (type) => {
  test(
    'lives by JSON-RPC: pause, reboot, image, checkpoint, a disk and an interface that come and go, a clean stop',
    async () => {
      await host.configure(type, [`disk=${disk('a')}:file:xvda:w:disk:`, 'nic=bridge=xenbr0']);
      await host.startMonitor();
      await host.json('start');
      await host.hears('61440:vm:state:running$');
      expect(await host.guest('ping')).toBe('ok');
      expect(await host.guest(`disk-write ${DISK} 0 8 7`)).toMatch(/^ok/);

      await host.json('pause');
      expect(await xlState()).toContain('p');
      expect(await host.json('get-status')).toBe('paused');
      await host.json('unpause');
      expect(await host.guest('ping')).toBe('ok');

      const first = await host.domid();
      await host.json('reboot', { 'auto-start': true });
      expect(await host.domid()).not.toBe(first);
      expect(await host.json('get-status')).toBe('running');

      await host.json('suspend', { file: image() });
      expect([await host.json('get-status'), await xlState()]).toEqual(['suspended', undefined]);
      await host.json('restore', { file: image() });
      expect(await host.guest('uptime')).toMatch(/, 1 resumes$/);
      const domid = await host.domid();
      await host.json('checkpoint', { file: image() });
      expect([await host.domid(), await host.guest('ping')]).toEqual([domid, 'ok']);
      expect(await host.sh(`stat -c %a ${image()}`)).toBe('600');

      const added = { path: disk('b'), device: 'xvdb', type: 'file', mode: 'w', devtype: 'disk' };
      await host.json('disk-add', { ...added, now: true });
      await host.json('nic-add', { bridge: 'xenbr0', now: true });
      expect(await host.sh('ip -o link show master xenbr0')).toContain(`vif${domid}.1`);
      expect(await host.guest(`disk-size ${DISK + 16}`)).toMatch(/^ok 4096/);
      await host.json('disk-del', { device: 'xvdb' });
      await host.json('nic-del', { id: 1 });
      expect(await host.guest(`disk-size ${DISK + 16}`)).toMatch(/^error/);
      expect(await host.sh('ip -o link show master xenbr0')).not.toContain(`vif${domid}.1`);

      await host.json('halt');
      await host.hears('61440:vm:state:shutdown$');
      await host.quit();
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'that crashes is destroyed, kept for a look, or restarted, as on_crash says',
    async () => {
      await host.configure(type);
      await host.startMonitor();
      const crash = async (action: string): Promise<number> => {
        await host.json('set', { field: 'on_crash', value: action });
        await host.json('start');
        await host.hears('vm:state:running$');
        const domid = await host.domid();
        await host.guestLast('exit crash');
        await host.hears(':2:error:crashed$');
        return domid;
      };
      await crash('destroy');
      await host.hears('vm:state:shutdown$');
      expect(await xlState()).toBeUndefined();

      await crash('preserve');
      await host.hears('vm:state:shutdown$');
      expect(await xlState()).toContain('c');
      expect(await host.json('get-info')).toMatchObject({ detail: 'crashed' });
      await host.json('destroy');

      const domid = await crash('restart');
      await host.hears('vm:state:running$');
      expect(await host.domid()).not.toBe(domid);
      expect(await host.guest('ping')).toBe('ok');
      await host.json('destroy');
      await host.quit();
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'notices nothing when its monitor is killed, and the next one takes it over with what was done in between',
    async () => {
      await host.configure(type, [`disk=${disk('a')}:file:xvda:w:disk:`]);
      await host.startMonitor();
      await host.json('start');
      const domid = await host.domid();
      expect(await host.guest('work 64 1')).toMatch(/^ok/);
      await host.killMonitor();
      await host.startMonitor();
      expect([await host.domid(), await host.json('get-status')]).toEqual([domid, 'running']);
      expect(await host.guest('check')).toMatch(/^ok/);
      expect(await host.guest('uptime')).toMatch(/, 0 resumes$/);

      await host.killMonitor();
      await host.sh('xl pause "$1"', String(domid));
      await host.startMonitor();
      expect(await host.json('get-status')).toBe('paused');
      await host.json('unpause');

      await host.killMonitor();
      await host.sh('xl shutdown -w "$1"', String(domid));
      await host.startMonitor();
      await host.hears('vm:state:shutdown$');
      expect(await host.domid()).toBe(-1);
      await host.quit();
    },
    TEST_TIMEOUT_MS,
  );
});

test(
  'the same tasks are there on the bus, whose name comes and goes with the monitor',
  async () => {
    await host.configure('pv');
    await host.startMonitor();
    expect(await host.dbus('get_status')).toBe('s "shutdown"');
    expect(await host.dbus('start', { paused: 'true' })).toBe('');
    expect(await host.dbus('get_status')).toBe('s "created"');
    await host.dbus('unpause');
    expect(await host.guest('ping')).toBe('ok');
    await expect(host.dbus('start')).rejects.toThrow('Vmact.Vm_is_already_created');
    await host.dbus('suspend', { file: image() });
    await host.dbus('restore', { file: image(), paused: 'true' });
    await host.dbus('unpause');
    await host.dbus('reboot');
    expect(await host.dbus('get_status')).toBe('s "rebooted"');
    await host.dbus('start');
    await host.dbus('halt');
    expect(await host.dbus('get_domid')).toBe('s "-1"');
    await host.quit();
    expect(await host.sh('busctl list --no-legend | grep -c "org.xen.vm" || true')).toBe('0');
  },
  TEST_TIMEOUT_MS,
);

test(
  'xenvm-cmd works over both transports, and a forced stop helps against a guest that does not listen',
  async () => {
    await host.configure('pv', ['cmdline=testguest.ignore-shutdown', 'acknowledge-timeout=1']);
    await host.startMonitor();
    expect(await host.command(['start'])).toBe('');
    expect(await host.command(['get-status'], '--use-socket')).toBe('running');
    expect(JSON.parse(await host.command(['get-info'], '--json'))).toMatchObject({
      uuid: UUID,
      state: 'running',
    });
    await host.guest('ping');
    await expect(host.command(['halt'])).rejects.toThrow('Vm_not_listening_shutdown_request');
    expect(await host.command(['get-status'])).toBe('running');
    expect(await host.command(['halt', 'forced=true'])).toBe('');
    expect(await xlState()).toBeUndefined();
    await host.quit();
    await expect(host.command(['get-status'])).rejects.toThrow('it is dead ?');
  },
  TEST_TIMEOUT_MS,
);

describe('killed with -9 inside a step, the next monitor finds the truth, and nothing leaks', () => {
  const AWAKE = { isPaused: false };
  const kept = { ...AWAKE, isLive: false, imagePath: '' };
  /** Each task with the plan that it makes, and what must be there before. */
  const tasks: readonly (readonly [string, 'down' | 'up' | 'image', object, Plan])[] = [
    ['start', 'down', {}, planStart(AWAKE)],
    ['halt', 'up', {}, planHalt(AWAKE)],
    ['reboot', 'up', {}, planReboot({ ...AWAKE, isForced: false, isStarted: false })],
    ['suspend', 'up', {}, planSave({ ...kept, isKept: false })],
    ['checkpoint', 'up', {}, planSave({ ...kept, isKept: true })],
    ['restore', 'image', {}, planRestore({ ...AWAKE, imagePath: '', isDeleted: true })],
  ];
  const points = tasks.flatMap(([task, needed, params, plan]) =>
    plan.steps.map(({ action }, index) => ({ task, needed, params, step: action.kind, index })),
  );
  /** Every second of them: each point on its own is tried on the embedded host. */
  const sample = points.filter((_, index) => index % 2 === 1);

  test(
    `at ${sample.length} of ${points.length} points`,
    async () => {
      expect(sample.length).toBeGreaterThanOrEqual(10);
      await host.configure('pv', [`disk=${disk('a')}:file:xvda:w:disk:`, 'nic=bridge=xenbr0']);
      await host.startMonitor();
      for (const { task, needed, step, index } of sample) {
        const at = `${task}: ${step}`;
        if (needed !== 'down') await host.json('start');
        if (needed !== 'down') await host.guest('ping');
        if (needed === 'image') await host.json('suspend', { file: image() });
        const params = ['suspend', 'checkpoint', 'restore'].includes(task) ? { file: image() } : {};
        await host.killWhenNoted(task, params, `"index":${index},"phase":"begun"`);
        await host.startMonitor();

        const domid = await host.domid();
        const status = await host.json('get-status');
        expect([at, (await xlState()) !== undefined]).toEqual([at, domid > 0]);
        if (domid > 0) {
          expect([at, status]).toEqual([at, 'running']);
          expect([at, await host.guest('ping')]).toEqual([at, 'ok']);
        } else {
          expect(['shutdown', 'rebooted', 'suspended']).toContain(status);
          // Whoever was suspended is somewhere.
          const isSaved = ['suspend', 'restore'].includes(task);
          if (isSaved) await host.sh('test -s "$1"', image());
        }
        await host.json('destroy');
        await host.sh('rm -f "$1" "$1".*', image());
        expect([at, await host.fingerprint()]).toEqual([at, before]);
      }
      await host.quit();
    },
    2 * TEST_TIMEOUT_MS,
  );
});
