import { access, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test, jest } from '@jest/globals';
import { SimBench, UUID, type Monitor } from './sim-host.test-helper.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

let bench: SimBench;
beforeEach(async () => {
  bench = await SimBench.open();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const states = ({ told }: Monitor): string =>
  told.flatMap((message) => /^vm:state:(.*)$/.exec(message)?.[1] ?? []).join(' ');
const STARTED = 'creating-domain creating-devices created running';

describe.each(['pv', 'pvh'])('a %s guest', (type) => {
  test('goes through start, pause, unpause and halt, and leaves nothing', async () => {
    await using monitor = await bench.monitor(
      `type=${type}\nnic=bridge=xenbr0\ndisk=/dev/disk-a:phy:xvda:w:disk:`,
    );
    await monitor.task('start');
    expect(await monitor.task('get-status')).toBe('running');
    expect(Number(await monitor.task('get-domid'))).toBeGreaterThan(0);
    await monitor.task('pause');
    await monitor.task('unpause');
    await monitor.task('halt');
    expect(states(monitor)).toBe(`${STARTED} paused running shutdowning shutdown`);
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('is suspended to an image and goes on from it', async () => {
    await using monitor = await bench.monitor(`type=${type}\nnic=bridge=xenbr0`);
    await monitor.task('start');
    await monitor.task('suspend', { file: bench.path('image') });
    expect(await bench.leftovers()).toMatchObject({ domains: 0 });
    await monitor.task('restore', { file: bench.path('image') });
    expect(states(monitor)).toBe(`${STARTED} suspending suspended restoring ${STARTED}`);
    await expect(access(bench.path('image'))).rejects.toMatchObject({ code: 'ENOENT' });
    await monitor.task('halt');
  });

  test('runs on after a checkpoint, whose image starts it again later', async () => {
    await using monitor = await bench.monitor(`type=${type}`);
    await monitor.task('start');
    const domid = await monitor.task('get-domid');
    await monitor.task('checkpoint', { file: bench.path('image') });
    expect([await monitor.task('get-domid'), await monitor.task('get-status')]).toEqual([
      domid,
      'running',
    ]);
    await monitor.task('destroy');
    await monitor.task('restore', { file: bench.path('image'), paused: 'true', delete: 'false' });
    expect(await monitor.task('get-status')).toBe('created');
    await access(bench.path('image'));
    await monitor.task('destroy');
  });
});

describe('what is paused', () => {
  test('stays paused through a checkpoint, and through a new monitor', async () => {
    await using monitor = await bench.monitor();
    await monitor.task('start');
    await monitor.task('pause');
    await monitor.task('checkpoint', { file: bench.path('image') });
    expect(await monitor.task('get-status')).toBe('paused');
    await using successor = await bench.monitor('startup=started');
    expect(await successor.task('get-status')).toBe('paused');
    await successor.task('destroy');
  });

  test('can be halted: it runs for that', async () => {
    await using monitor = await bench.monitor();
    await monitor.task('start', { paused: true });
    await monitor.task('halt');
    expect(await monitor.task('get-status')).toBe('shutdown');
  });
});

describe('a reboot', () => {
  test('waits for its manager unless it is to start again', async () => {
    await using monitor = await bench.monitor();
    await monitor.task('start');
    await monitor.task('reboot');
    expect(states(monitor)).toBe(`${STARTED} shutdowning rebooting rebooted`);
    await monitor.task('start');
    await monitor.task('reboot', { 'auto-start': 'true' });
    expect(await monitor.task('get-status')).toBe('running');
    await monitor.task('destroy');
  });
});

describe('a guest that ends by itself', () => {
  test.each([
    ['crash', 'on_crash=destroy', 'shutdown', 'shutdown'],
    ['poweroff', 'on_halt=destroy', 'shutdown', 'shutdown'],
    ['reboot', 'on_restart=preserve', 'rebooted', 'rebooted'],
    ['watchdog', 'on_watchdog=destroy', 'shutdown', 'shutdown'],
    ['crash', 'on_crash=preserve', 'shutdown', 'shutdown'],
  ])('by %s with %s is told as %s', async (end, action, told, status) => {
    await using monitor = await bench.monitor(`${action}\ncmdline=sim.end=${end} sim.life=20`);
    const over = monitor.reached(told);
    await monitor.task('start');
    await over;
    expect(await monitor.task('get-status')).toBe(status);
    expect((await bench.leftovers()).domains).toBe(action.endsWith('h=preserve') ? 1 : 0);
    if (end === 'crash') expect(monitor.told).toContain('error:crashed');
    await monitor.task('destroy');
  });

  test('is restarted', async () => {
    await using monitor = await bench.monitor('cmdline=sim.end=reboot sim.life=20');
    await monitor.task('start');
    await monitor.reached('rebooted');
    await monitor.reached('running');
    await monitor.task('destroy');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('and whose domain somebody else destroys is told as shut down', async () => {
    await using monitor = await bench.monitor();
    await monitor.task('start');
    const over = monitor.reached('shutdown');
    const [, guest] = await bench.host.hypervisor.listDomains();
    if (guest !== undefined) await bench.host.hypervisor.destroy(guest.domid);
    await over;
    expect(await monitor.task('get-domid')).toBe('-1');
  });
});

describe('a forced stop', () => {
  test('overtakes a polite one that the guest ignores', async () => {
    await using monitor = await bench.monitor('cmdline=sim.shutdown=ignore');
    await monitor.task('start');
    const polite = monitor.task('halt').catch((error: unknown) => error);
    await monitor.task('halt', { forced: 'true' });
    expect(await polite).toMatchObject({ code: 'VM_OVERTAKEN' });
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('is not needed when the guest does not listen: it runs on, and that is told', async () => {
    await using monitor = await bench.monitor('acknowledge-timeout=1\ncmdline=sim.shutdown=ignore');
    await monitor.task('start');
    await expect(monitor.task('halt')).rejects.toMatchObject({ code: 'VM_NOT_LISTENING' });
    expect(await monitor.task('get-status')).toBe('running');
    await monitor.task('destroy');
  });
});

describe('a start that fails', () => {
  test('leaves neither domain nor record', async () => {
    await using monitor = await bench.monitor('disk=/dev/missing:phy:xvda:w:disk:');
    await expect(monitor.task('start')).rejects.toMatchObject({ code: 'CONFIG_BAD_VALUE' });
    expect(states(monitor)).toBe('creating-domain creating-devices shutdown');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('for lack of memory changes nothing, not even the configuration', async () => {
    await using monitor = await bench.monitor();
    await monitor.task('set', { field: 'memory', value: '999999999' });
    await expect(monitor.task('start')).rejects.toMatchObject({ code: 'VM_NO_MEMORY' });
    expect(states(monitor)).toBe('');
    expect(JSON.parse(await monitor.task('get-config', { which: 'current' }))).toMatchObject({
      memory: 64,
    });
  });
});

describe('devices of a running guest', () => {
  test('come and go', async () => {
    await using monitor = await bench.monitor('nic=bridge=xenbr0');
    await monitor.task('start');
    await monitor.task('disk-add', {
      path: '/dev/disk-b',
      device: 'xvdb',
      type: 'phy',
      mode: 'w',
      devtype: 'disk',
      now: true,
    });
    expect(await monitor.task('disk-list')).toBe('/dev/disk-b:phy:xvdb:w:disk:none');
    expect(JSON.parse(await monitor.task('get-info'))).toMatchObject({
      disks: [{ vdev: 'xvdb' }],
      state: 'running',
    });
    await monitor.task('disk-del', { device: 'xvdb' });
    await monitor.task('nic-network-switch', { id: 0, network: 'xenbr1' });
    expect(await monitor.task('nic-list')).toContain('xenbr1');
    await monitor.task('nic-del', { id: 0 });
    await expect(monitor.task('nic-del', { id: 0 })).rejects.toMatchObject({
      code: 'VM_NO_DEVICE',
    });
    await monitor.task('halt');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('memory and vcpus change', async () => {
    await using monitor = await bench.monitor('vcpus=2');
    await monitor.task('start');
    await monitor.task('set-mem-target', { mb: 32 });
    await monitor.task('set-vcpus', { count: 1 });
    await expect(monitor.task('set-mem-target', { mb: 65 })).rejects.toMatchObject({
      code: 'CONFIG_BAD_VALUE',
    });
    await monitor.task('destroy');
  });
});

describe('an HVM guest', () => {
  const HVM = (): string =>
    `type=hvm\npae=true\nacpi=true\nfirmware=${bench.path('kernel')}\ndisk=:file:hdc:r:cdrom:\nvnc-password=secret`;

  test('has a device model, whose drive takes media, and goes down by its drivers', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    await monitor.task('cd-insert-file', { virtpath: 'hdc', physpath: bench.path('kernel') });
    await monitor.task('cd-eject', { virtpath: 'hdc' });
    await expect(monitor.task('cd-eject', { virtpath: 'hda' })).rejects.toMatchObject({
      code: 'VM_NO_DEVICE',
    });
    expect(await monitor.task('get-config')).not.toContain('secret');
    await monitor.task('halt');
    expect(await monitor.task('get-status')).toBe('shutdown');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('is suspended and restored with its device model', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    await monitor.task('suspend', { file: bench.path('image') });
    await monitor.task('restore', { file: bench.path('image') });
    expect(await monitor.task('get-status')).toBe('running');
    await monitor.task('destroy');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });
});

describe('a new monitor', () => {
  test('takes over the running guest with the configuration it was started with', async () => {
    await using monitor = await bench.monitor('vcpus=2');
    await monitor.task('start');
    const domid = await monitor.task('get-domid');
    await using successor = await bench.monitor('startup=started\nvcpus=4');
    expect([await successor.task('get-domid'), await successor.task('get-status')]).toEqual([
      domid,
      'running',
    ]);
    expect(JSON.parse(await successor.task('get-config', { which: 'current' }))).toMatchObject({
      vcpus: 2,
    });
    expect(await successor.task('get', { field: 'vcpus' })).toBe('4');
    const over = successor.reached('shutdown');
    await successor.task('halt');
    await over;
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('finds a guest that ended while nobody looked, and does what the configuration says', async () => {
    {
      await using monitor = await bench.monitor('cmdline=sim.end=crash sim.life=20');
      await monitor.task('start');
    }
    await new Promise((resolve) => void setTimeout(resolve, 60));
    await using successor = await bench.monitor();
    if ((await successor.task('get-status')) !== 'shutdown') await successor.reached('shutdown');
    // Waits its turn behind what the monitor does about that.
    await successor.task('read-config');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });
});

test('the start-up action starts it, and paused counts once', async () => {
  await using monitor = await bench.monitor('startup=paused');
  expect(await monitor.task('get-status')).toBe('created');
  await monitor.task('destroy');
  await monitor.task('start');
  expect(await monitor.task('get-status')).toBe('running');
  await monitor.task('destroy');
});

test('records are readable by Dom0 alone', async () => {
  await using monitor = await bench.monitor();
  await monitor.task('start');
  for (const path of ['/xenops/vm', `/xenops/vm/${UUID}`, `/xenops/vm/${UUID}/0`]) {
    expect(await bench.host.store.getPermissions(path)).toEqual({
      owner: 0,
      others: 'none',
      listed: [],
    });
  }
  await monitor.task('destroy');
});

test('read-config with an error changes nothing, and names the place', async () => {
  await using monitor = await bench.monitor('vcpus=2');
  await writeFile(bench.path('bad.cfg'), 'memory=64\nkernel=/k\nvcpus=many\n');
  await expect(monitor.task('read-config', { path: bench.path('bad.cfg') })).rejects.toMatchObject({
    code: 'CONFIG_BAD_VALUE',
    message: expect.stringContaining('bad.cfg:3:7'),
  });
  expect(await monitor.task('get', { field: 'vcpus' })).toBe('2');
});
