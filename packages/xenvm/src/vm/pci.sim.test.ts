import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { listPci } from '@xenops/core/pci';
import { PciKernel } from './pci-kernel.test-helper.ts';
import { SimBench } from './sim-host.test-helper.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

const CARD = '0000:03:00.0';
const OTHER = '0000:04:00.0';
let kernel: PciKernel;
let bench: SimBench;
beforeEach(async () => {
  kernel = new PciKernel([CARD, OTHER]);
  bench = await SimBench.open({ pci: { addresses: kernel.addresses, sysfs: kernel } });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Who has each device: `host`, `kept` or `given`. */
const states = async (): Promise<readonly string[]> =>
  (await listPci(bench.host)).map(({ state }) => state);
const address = (name: string) => {
  const [, bus = '', slot = '', func = ''] = name.split(/[:.]/);
  return { domain: 0, bus: Number(bus), slot: Number(slot), func: Number(func) };
};

describe.each([
  ['pv', (): string => 'type=pv'],
  ['hvm', (): string => `type=hvm\nfirmware=${bench.path('kernel')}`],
] as const)('a %s guest', (_type, lines) => {
  test('has its device bound, reset and given; afterwards it is kept for guests', async () => {
    await using monitor = await bench.monitor(`${lines()}\npci=0,bind,${CARD}`);
    await monitor.task('start');
    expect(await states()).toEqual(['given', 'host']);
    expect(kernel.log).toEqual(
      expect.arrayContaining([
        `drivers/e1000e/unbind ${CARD}`,
        `drivers/pciback/bind ${CARD}`,
        `devices/${CARD}/reset 1`,
      ]),
    );
    await monitor.task('destroy');
    expect(await states()).toEqual(['kept', 'host']);
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  test('gets a device and loses it while it runs', async () => {
    await using monitor = await bench.monitor(`${lines()}\npassthrough=yes`);
    await monitor.task('start');
    await monitor.task('pci-add', { id: 0, ...address(CARD), now: true });
    expect(await states()).toEqual(['given', 'host']);
    await monitor.task('pci-del', { ...address(CARD), forced: true });
    expect(await states()).toEqual(['kept', 'host']);
    await expect(monitor.task('pci-del', address(CARD))).rejects.toMatchObject({
      code: 'VM_NO_DEVICE',
    });
    await monitor.task('destroy');
  });
});

test('devices join and leave one by one', async () => {
  await using monitor = await bench.monitor(
    `type=hvm\nfirmware=${bench.path('kernel')}\npci=0,bind,${CARD}`,
  );
  await monitor.task('start');
  await monitor.task('device', { type: 'pci', cmd: 'add', extra: [`0,bind,${OTHER}`] });
  expect(await states()).toEqual(['given', 'given']);
  expect(await monitor.task('pci-list')).toMatch(/\n.*3 \|.*\n.*4 \|/);
  await monitor.task('device', { type: 'pci', cmd: 'del', extra: [CARD] });
  expect(await states()).toEqual(['kept', 'given']);
  expect(JSON.parse(await monitor.task('get-info'))).toMatchObject({ pci: [OTHER] });
  await monitor.task('destroy');
  expect(await states()).toEqual(['kept', 'kept']);
});

test('a device that is not bound is not taken from its driver, and the start leaves nothing', async () => {
  await using monitor = await bench.monitor(`pci=0,${CARD}`);
  await expect(monitor.task('start')).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
  expect([kernel.log, await states()]).toEqual([[], ['host', 'host']]);
  expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
});

test('a guest without room for devices is told so, and gets its device at the next boot', async () => {
  await using monitor = await bench.monitor();
  await monitor.task('start');
  await expect(
    monitor.task('pci-add', { id: 0, ...address(CARD), now: true }),
  ).rejects.toMatchObject({ code: 'VM_NOT_SUPPORTED' });
  await monitor.task('pci-add', { id: 0, ...address(CARD) });
  await monitor.task('reboot', { 'auto-start': true });
  expect(await states()).toEqual(['given', 'host']);
  await monitor.task('destroy');
});

test('a guest whose device model is confined gets no device, and keeps running', async () => {
  await using monitor = await bench.monitor(
    `type=hvm\nfirmware=${bench.path('kernel')}\npassthrough=yes`,
  );
  await monitor.task('start');
  const domid = await monitor.task('get-domid');
  await bench.host.store.write(`/libxl/${domid}/xenops/device-model-user`, '131073 131070');
  await expect(monitor.task('pci-add', { id: 0, ...address(CARD), now: true })).rejects.toThrow(
    'its device model is confined',
  );
  expect([kernel.log, await states()]).toEqual([[], ['host', 'host']]);
  await monitor.task('destroy');
});

test('a guest with a device of the host has no image', async () => {
  await using monitor = await bench.monitor(`pci=0,bind,${CARD}`);
  await monitor.task('start');
  await expect(monitor.task('suspend', { file: bench.path('image') })).rejects.toMatchObject({
    code: 'DOMAIN_WRONG_STATE',
  });
  expect(await monitor.task('get-status')).toBe('running');
  await monitor.task('destroy');
});
