import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { QmpClient } from '@xenops/core/dm';
import type { Domid } from '@xenops/core/ids';
import { SimBench, type Monitor } from './sim-host.test-helper.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

let bench: SimBench;
beforeEach(async () => {
  bench = await SimBench.open();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await bench[Symbol.asyncDispose]();
});

async function device(
  monitor: Monitor,
  kind: string,
  devid: number,
  key: string,
): Promise<string | undefined> {
  const domid = Number(await monitor.task('get-domid')) as Domid;
  return bench.host.store.find(`/local/domain/0/backend/${kind}/${domid}/${devid}/${key}`);
}

describe.each(['pv', 'pvh'])('the drive of a %s guest, which has no tray', (type) => {
  const drive = `type=${type}\ndisk=:file:xvdc:r:cdrom:`;
  const vdev = 51_744;

  test('is there with its medium alone', async () => {
    await using monitor = await bench.monitor(drive);
    await monitor.task('start');
    expect(await device(monitor, 'vbd', vdev, 'params')).toBeUndefined();
    await monitor.task('cd-insert-real', { virtpath: 'xvdc', physpath: '/dev/disk-a' });
    expect(await device(monitor, 'vbd', vdev, 'params')).toBe('/dev/disk-a');
    await monitor.task('cd-insert-real', { virtpath: 'xvdc', physpath: '/dev/disk-b' });
    expect(await device(monitor, 'vbd', vdev, 'params')).toBe('/dev/disk-b');
    expect(JSON.parse(await monitor.task('get-info'))).toMatchObject({
      disks: [{ vdev: 'xvdc', target: '/dev/disk-b' }],
    });
    await monitor.task('cd-eject', { virtpath: 'xvdc' });
    expect(await device(monitor, 'vbd', vdev, 'params')).toBeUndefined();
    await monitor.task('cd-eject', { virtpath: 'xvdc' });
    await monitor.task('disk-del', { device: 'xvdc' });
    await monitor.task('halt');
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('keeps the medium it has when another cannot be used (D48)', async () => {
    await using monitor = await bench.monitor(drive);
    await monitor.task('start');
    await monitor.task('cd-insert-real', { virtpath: 'xvdc', physpath: '/dev/disk-a' });
    await expect(
      monitor.task('cd-insert-file', { virtpath: 'xvdc', physpath: '/missing.iso' }),
    ).rejects.toMatchObject({ code: 'CONFIG_BAD_VALUE' });
    expect(await device(monitor, 'vbd', vdev, 'params')).toBe('/dev/disk-a');
    await monitor.task('destroy');
  });

  test('has its medium through an image, and that of the configuration at the next boot', async () => {
    await using monitor = await bench.monitor(drive);
    await monitor.task('start');
    await monitor.task('cd-insert-real', { virtpath: 'xvdc', physpath: '/dev/disk-a' });
    await monitor.task('suspend', { file: bench.path('image') });
    await monitor.task('restore', { file: bench.path('image') });
    expect(await device(monitor, 'vbd', vdev, 'params')).toBe('/dev/disk-a');
    await monitor.task('reboot', { 'auto-start': 'true' });
    expect(await device(monitor, 'vbd', vdev, 'params')).toBeUndefined();
    await monitor.task('destroy');
  });
});

describe('the drive of an HVM guest', () => {
  const HVM = (): string => `type=hvm\nfirmware=${bench.path('kernel')}\ndisk=:file:hdc:r:cdrom:`;
  const vdev = 5632;

  test('tells its medium in xenstore too, and a new monitor knows it', async () => {
    {
      await using monitor = await bench.monitor(HVM());
      await monitor.task('start');
      await monitor.task('cd-insert-file', {
        virtpath: '/dev/hdc',
        physpath: bench.path('kernel'),
      });
      expect(await device(monitor, 'qdisk', vdev, 'params')).toBe(`aio:${bench.path('kernel')}`);
    }
    await using successor = await bench.monitor(HVM());
    expect(JSON.parse(await successor.task('get-info'))).toMatchObject({
      disks: [{ vdev: 'hdc', target: bench.path('kernel') }],
    });
    await successor.task('cd-eject', { virtpath: 'hdc', forced: true });
    expect(await device(successor, 'qdisk', vdev, 'params')).toBe('aio:');
    await successor.task('destroy');
  });

  test.each([false, true])(
    'is opened by force only when that is said: %s (D48)',
    async (forced) => {
      await using monitor = await bench.monitor(HVM());
      await monitor.task('start');
      const asked = jest.spyOn(QmpClient.prototype, 'execute');
      const physpath = bench.path('kernel');
      await monitor.task('cd-insert-file', { virtpath: 'hdc', physpath, forced });
      await monitor.task('cd-eject', { virtpath: 'hdc', forced });
      const changes = asked.mock.calls.filter(([command]) => command !== 'qmp_capabilities');
      expect(changes.map(([command, args]) => [command, args])).toEqual([
        [
          'blockdev-change-medium',
          {
            ...{ id: 'ide-5632', filename: physpath, format: 'raw' },
            ...{ 'read-only-mode': 'read-only', force: forced },
          },
        ],
        ['eject', { id: 'ide-5632', force: forced }],
      ]);
      await monitor.task('destroy');
    },
  );

  test('keeps the medium it has when another cannot be used (D48)', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    const physpath = bench.path('kernel');
    await monitor.task('cd-insert-file', { virtpath: 'hdc', physpath });
    await expect(
      monitor.task('cd-insert-file', { virtpath: 'hdc', physpath: '/missing.iso' }),
    ).rejects.toMatchObject({ code: 'CONFIG_BAD_VALUE' });
    expect(await device(monitor, 'qdisk', vdev, 'params')).toBe(`aio:${physpath}`);
    expect(JSON.parse(await monitor.task('get-info'))).toMatchObject({
      disks: [{ vdev: 'hdc', target: physpath }],
    });
    await monitor.task('destroy');
  });

  test('is given no medium while a confined device model has it, and says why', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    const domid = await monitor.task('get-domid');
    await bench.host.store.write(`/libxl/${domid}/xenops/device-model-user`, '131073 131070');
    await expect(
      monitor.task('cd-insert-file', { virtpath: 'hdc', physpath: bench.path('kernel') }),
    ).rejects.toThrow('its device model is confined');
    await expect(
      monitor.task('disk-add', {
        ...{ path: bench.path('kernel'), device: 'xvdb', type: 'qcow2' },
        ...{ mode: 'r', devtype: 'disk', now: true },
      }),
    ).rejects.toThrow('a disk that it would serve, as xvdb is');
    await monitor.task('destroy');
  });

  test('is not for paths that depend on where somebody stands', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    await expect(
      monitor.task('cd-insert-file', { virtpath: 'hdc', physpath: 'a.iso' }),
    ).rejects.toMatchObject({ code: 'TASK_ARGUMENT_INVALID' });
    await monitor.task('destroy');
  });
});

describe('a network interface', () => {
  test('moves to another bridge with its guest none the wiser', async () => {
    await using monitor = await bench.monitor('nic=bridge=xenbr0');
    await monitor.task('start');
    const domid = await monitor.task('get-domid');
    const state = `/local/domain/${domid}/device/vif/0/state`;
    const seen: (string | undefined)[] = [];
    await using watch = await bench.host.store.watch(state);
    const following = (async () => {
      for await (const _event of watch) seen.push(await bench.host.store.find(state));
    })();
    await monitor.task('nic-network-switch', { id: 0, network: 'xenbr1' });
    await watch[Symbol.asyncDispose]();
    await following;
    expect(new Set(seen).size).toBe(1);
    expect(await device(monitor, 'vif', 0, 'bridge')).toBe('xenbr1');
    const links = await bench.host.hotplug?.listLinks();
    expect(links?.find(({ name }) => name === `vif${domid}.0`)).toMatchObject({ bridge: 'xenbr1' });
    expect(await monitor.task('nic-list')).toContain('xenbr1');
    await monitor.task('destroy');
  });

  test('stays where it is when there is no such bridge', async () => {
    await using monitor = await bench.monitor('nic=bridge=xenbr0');
    await monitor.task('start');
    await expect(
      monitor.task('nic-network-switch', { id: 0, network: 'xenbr9' }),
    ).rejects.toMatchObject({ code: 'HOTPLUG_FAILED' });
    expect(await device(monitor, 'vif', 0, 'bridge')).toBe('xenbr0');
    expect(await monitor.task('nic-list')).toContain('xenbr0');
    await monitor.task('destroy');
  });

  test('that was added for the next boot can be taken away again before it', async () => {
    await using monitor = await bench.monitor('nic=bridge=xenbr0');
    await monitor.task('nic-add', { bridge: 'xenbr1' });
    await monitor.task('nic-del', { id: 0 });
    await monitor.task('start');
    expect(JSON.parse(await monitor.task('get-info'))).toMatchObject({
      nics: [{ devid: 1, bridge: 'xenbr1' }],
    });
    await monitor.task('destroy');
  });
});

test('paravirtual devices of the configuration are there, and go with the guest', async () => {
  await using monitor = await bench.monitor('vkbd=yes\nvfb=yes\nvsnd=yes\nv4v=yes');
  await monitor.task('start');
  const domid = await monitor.task('get-domid');
  const kinds = await bench.host.store.directory(`/local/domain/${domid}/device`);
  expect(kinds).toEqual(expect.arrayContaining(['v4v', 'vfb', 'vkbd', 'vsnd']));
  expect(await monitor.task('get-vnc')).toMatch(/^\d*$/);
  await monitor.task('halt');
  expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
});
