import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { MonitorHost } from './monitor-host.lab-helper.ts';

/** A life of a guest on real Xen by each way to speak to its monitor; `xenvm.long.lab.ts` has the rest. */
const TEST_TIMEOUT_MS = 300_000;
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
  await host.ask('destroy');
  await host.quit();
  await host.sh(`rm -f ${host.folder}/image`);
  expect(await host.fingerprint()).toBe(before);
}, TEST_TIMEOUT_MS);

const image = (): string => `${host.folder}/image`;

test(
  'by JSON-RPC a PV guest is started, paused, given a disk and stopped, and does not notice that its monitor is killed',
  async () => {
    await host.configure('pv', ['nic=bridge=xenbr0']);
    await host.startMonitor();
    await host.json('start');
    await host.hears('61440:vm:state:running$');
    const domid = await host.domid();
    expect(await host.guest('work 64 1')).toMatch(/^ok/);

    await host.killMonitor();
    await host.startMonitor();
    expect([await host.domid(), await host.json('get-status')]).toEqual([domid, 'running']);
    expect(await host.guest('check')).toMatch(/^ok/);
    expect(await host.guest('uptime')).toMatch(/, 0 resumes$/);

    await host.json('pause');
    expect(await host.json('get-status')).toBe('paused');
    await host.json('unpause');
    const path = `${host.folder}/disk-a.img`;
    const disk = { path, device: 'xvda', type: 'file', mode: 'w', devtype: 'disk' };
    await host.json('disk-add', { ...disk, now: true });
    expect(await host.guest(`disk-size ${DISK}`)).toMatch(/^ok 4096/);
    await host.json('disk-del', { device: 'xvda' });
    await host.json('halt');
    await host.hears('61440:vm:state:shutdown$');
  },
  TEST_TIMEOUT_MS,
);

test(
  'over D-Bus a PVH guest is started, written to an image, started from it, rebooted and stopped',
  async () => {
    await host.configure('pvh', [`disk=${host.folder}/disk-a.img:file:xvda:w:disk:`]);
    await host.startMonitor();
    await host.dbus('start');
    expect(await host.guest(`disk-write ${DISK} 0 8 7`)).toMatch(/^ok/);
    await host.dbus('suspend', { file: image() });
    expect(await host.dbus('get_status')).toBe('s "suspended"');
    await host.dbus('restore', { file: image() });
    expect(await host.guest('uptime')).toMatch(/, 1 resumes$/);
    await host.dbus('reboot');
    expect(await host.dbus('get_status')).toBe('s "rebooted"');
    await host.dbus('start');
    await host.dbus('halt');
    expect(await host.dbus('get_domid')).toBe('s "-1"');
  },
  TEST_TIMEOUT_MS,
);

test(
  'by xenvm-cmd a PVH guest that crashes is kept for a look, and its domain taken away by force',
  async () => {
    await host.configure('pvh', ['on_crash=preserve']);
    await host.startMonitor();
    expect(await host.command(['start'])).toBe('');
    expect(await host.command(['get-status'], '--use-socket')).toBe('running');
    await host.guestLast('exit crash');
    await host.hears(':2:error:crashed$');
    await host.hears('vm:state:shutdown$');
    expect(JSON.parse(await host.command(['get-info'], '--json'))).toMatchObject({
      detail: 'crashed',
    });
    expect(await host.command(['destroy'])).toBe('');
  },
  TEST_TIMEOUT_MS,
);
