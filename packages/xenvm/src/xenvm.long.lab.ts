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
  // A test that failed leaves its guest; the next one is not to fail for that.
  await host.endAll();
  await host.sh('rm -f "$1" "$1".*', image());
  expect(await host.fingerprint()).toBe(before);
}, TEST_TIMEOUT_MS);

const image = (): string => `${host.folder}/image`;
const disk = (name: string): string => `${host.folder}/disk-${name}.img`;
const diskB = (): object => ({
  ...{ path: disk('b'), device: 'xvdb', type: 'file', mode: 'w', devtype: 'disk' },
});

function scenario(name: string, body: () => Promise<void>): void {
  test(name, () => host.explain(body), TEST_TIMEOUT_MS);
}

/** What xl says of the guest's state, such as `r` or `b`; undefined without one. */
async function xlState(): Promise<string | undefined> {
  const line = await host.sh('xl list | awk \'$1 == "guest" { print $5 }\'');
  return line === '' ? undefined : line.replaceAll('-', '');
}

describe.each(['pv', 'pvh'] as const)('a %s guest', (type) => {
  scenario(
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

      await host.json('disk-add', { ...diskB(), now: true });
      await host.json('nic-add', { bridge: 'xenbr0', now: true });
      expect(await host.sh('ip -o link show master xenbr0')).toContain(`vif${domid}.1`);
      expect(await host.guest(`disk-size ${DISK + 16}`)).toMatch(/^ok 4096/);
      await host.json('disk-del', { device: 'xvdb' });
      await host.json('nic-del', { id: 1 });
      expect(await host.guest(`disk-size ${DISK + 16}`)).toMatch(/^error/);
      expect(await host.sh('ip -o link show master xenbr0')).not.toContain(`vif${domid}.1`);

      await host.json('halt');
      await host.hears('61440:vm:state:shutdown$');
    },
  );

  scenario(
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
    },
  );

  scenario(
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
    },
  );
});

scenario(
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
);

scenario(
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
);

describe('killed with -9 inside a step, the next monitor finds the truth, and nothing leaks', () => {
  const AWAKE = { isPaused: false };
  const kept = { ...AWAKE, isLive: false, imagePath: '' };
  /** Each task with the plan that it makes, and what must be there before. */
  const tasks: readonly (readonly [string, Needed, Plan])[] = [
    ['start', 'down', planStart(AWAKE)],
    ['halt', 'up', planHalt(AWAKE)],
    ['reboot', 'up', planReboot({ ...AWAKE, isForced: false, isStarted: false })],
    ['suspend', 'up', planSave({ ...kept, isKept: false })],
    ['checkpoint', 'up', planSave({ ...kept, isKept: true })],
    ['restore', 'image', planRestore({ ...AWAKE, imagePath: '', isDeleted: true })],
  ];
  const points = tasks.flatMap(([task, needed, plan]) =>
    plan.steps.map(({ action }, index) => ({
      ...{ task, needed, step: action.kind, noted: `"index":${index},"phase":"begun"` },
    })),
  );
  /** Every second of them, and those of devices: each point on its own is tried on the embedded host. */
  const sample: readonly Point[] = [
    ...points.filter(({ task }, index) => index % 2 === 1 || task === 'suspend'),
    { task: 'disk-add', needed: 'up', step: 'attach', noted: '"change":"add"' },
    { task: 'disk-del', needed: 'disk', step: 'detach', noted: '"change":"remove"' },
  ];

  test.each(sample)('$task: $step', (point) => host.explain(() => killAt(point)), TEST_TIMEOUT_MS);
});

type Needed = 'down' | 'up' | 'image' | 'disk';

/** Where a monitor is killed: when its record has a text. */
interface Point {
  readonly task: string;
  readonly needed: Needed;
  readonly step: string;
  readonly noted: string;
}

async function killAt({ task, needed, noted }: Point): Promise<void> {
  await host.configure('pv', [`disk=${disk('a')}:file:xvda:w:disk:`, 'nic=bridge=xenbr0']);
  await host.startMonitor();
  if (needed !== 'down') {
    await host.json('start');
    await host.guest('ping');
  }
  if (needed === 'image') await host.json('suspend', { file: image() });
  if (needed === 'disk') await host.json('disk-add', { ...diskB(), now: true });
  await host.killWhenNoted(task, paramsOf(task), noted);
  await host.startMonitor();

  const domid = await host.domid();
  const status = await host.json('get-status');
  expect((await xlState()) !== undefined).toBe(domid > 0);
  if (domid > 0) {
    expect(status).toBe('running');
    expect(await host.guest('ping')).toBe('ok');
    // A disk is with guest and monitor, or with neither.
    const hasDisk = (await host.guest(`disk-size ${DISK + 16}`)).startsWith('ok');
    expect(JSON.stringify(await host.json('get-info')).includes('xvdb')).toBe(hasDisk);
  } else {
    expect(['shutdown', 'rebooted', 'suspended']).toContain(status);
    // Whoever was suspended is somewhere.
    if (['suspend', 'restore'].includes(task)) await host.sh('test -s "$1"', image());
  }
}

function paramsOf(task: string): object {
  if (task === 'disk-add') return { ...diskB(), now: true };
  if (task === 'disk-del') return { device: 'xvdb' };
  return ['suspend', 'checkpoint', 'restore'].includes(task) ? { file: image() } : {};
}
