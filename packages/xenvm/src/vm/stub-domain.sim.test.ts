/** A VM whose device model runs in a domain of its own; the test plays the qemu in it. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { SimBench } from './sim-host.test-helper.ts';

// Whole guests, on a machine that may be busy.
jest.setTimeout(60_000);

const STUB = '99999999-2222-3333-4444-555555555555';
let bench: SimBench;
let isServing: boolean;

beforeEach(async () => {
  isServing = true;
  bench = await SimBench.open({
    guests: {
      async qemu(machine) {
        await machine.runnable();
        await using store = await machine.openStore();
        const target = await store.read('target');
        if (isServing) await store.write(`device-model/${target}/state`, 'running');
        await machine.sleep(600_000);
      },
    },
  });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const lines = (): string =>
  [
    ...['type=hvm', `firmware=${bench.path('kernel')}`, `stubdom=${STUB}`, 'stubdom-memory=16'],
    ...[`stubdom-kernel=${bench.path('kernel')}`, `stubdom-initrd=${bench.path('kernel')}`],
    'stubdom-cmdline=sim.guest=qemu',
  ].join('\n');

test('it starts with its stub domain, which goes with it', async () => {
  await using monitor = await bench.monitor(lines());
  const before = await bench.fingerprint();
  expect(await monitor.task('get-stubdomid')).toBe('-1');
  await monitor.task('start');
  const stub = Number(await monitor.task('get-stubdomid'));
  expect(await bench.host.store.read(`/local/domain/${stub}/target`)).toBe(
    await monitor.task('get-domid'),
  );
  expect(await bench.host.hypervisor.listDomains()).toContainEqual(
    expect.objectContaining({ domid: stub, uuid: STUB }),
  );
  await expect(monitor.task('suspend', { file: bench.path('image') })).rejects.toThrow();
  expect(await monitor.task('get-status')).toBe('running');
  await monitor.task('destroy');
  expect(await bench.fingerprint()).toEqual(before);
});

test('it does not start when its stub domain never serves, and nothing stays of either', async () => {
  isServing = false;
  await using monitor = await bench.monitor(`${lines()}\nqemu-dm-timeout=1`);
  const before = await bench.fingerprint();
  await expect(monitor.task('start')).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(await monitor.task('get-status')).toBe('shutdown');
  expect(await bench.fingerprint()).toEqual(before);
});
