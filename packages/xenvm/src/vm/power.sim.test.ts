import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Domid } from '@xenops/core/ids';
import { SimBench, UUID, type Monitor } from './sim-host.test-helper.ts';

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

const HVM = (): string => `type=hvm\nacpi=true\nfirmware=${bench.path('kernel')}`;
const domidOf = async (monitor: Monitor): Promise<Domid> =>
  Number(await monitor.task('get-domid')) as Domid;

/** Drivers of a guest that does what is asked of it, in place of those that the simulated Linux lacks. */
async function drivers(
  domid: Domid,
  obey: (request: string) => Promise<void>,
): Promise<AsyncDisposable> {
  const { store, hypervisor } = bench.host;
  await hypervisor.setHvmParam(domid, 'callback-irq', 1n);
  const watch = await store.watch(`/local/domain/${domid}/control/shutdown`);
  const seen = new Set<string>();
  const following = (async () => {
    for await (const _event of watch) {
      const request = (await store.find(`/local/domain/${domid}/control/shutdown`)) ?? '';
      if (request === '' || seen.has(request)) continue;
      seen.add(request);
      await obey(request);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      await watch[Symbol.asyncDispose]();
      await following;
    },
  };
}
const powerNode = (domid: Domid, state: string): Promise<void> =>
  bench.host.store.write(`/local/domain/${domid}/power-state`, state);

describe('an HVM guest', () => {
  test('sleeps, is woken, and that is told', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    const domid = await domidOf(monitor);
    await using _drivers = await drivers(domid, async (request) => {
      if (request !== 's3') return;
      await bench.host.hypervisor.setHvmParam(domid, 'acpi-s-state', 3n);
      await powerNode(domid, '3');
    });
    await monitor.task('s3suspend', { timeout: 20 });
    expect(await monitor.task('get-acpi-state')).toBe('3');
    expect(await monitor.task('get-status')).toBe('running');
    const woken = monitor.hears('power-state:0');
    await monitor.task('trigger', { params: 's3resume' });
    await woken;
    expect(await monitor.task('get-acpi-state')).toBe('0');
    expect(monitor.told.filter((message) => message.startsWith('power-state'))).toEqual([
      'power-state:3',
      'power-state:0',
    ]);
    expect(await bench.host.store.find(`/local/domain/${domid}/wakeup-req`)).toBe('1');
    await monitor.task('destroy');
  });

  test('that does not sleep in time runs on, and is not asked any more', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    await using _drivers = await drivers(await domidOf(monitor), async () => undefined);
    await expect(monitor.task('s3suspend', { timeout: 1 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const node = `/local/domain/${await domidOf(monitor)}/control/shutdown`;
    expect(await bench.host.store.find(node)).not.toBe('s3');
    expect(await monitor.task('get-status')).toBe('running');
    await monitor.task('destroy');
  });

  test('without drivers that sleep is sent to sleep by its button', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    const domid = await domidOf(monitor);
    const { hypervisor } = bench.host;
    jest.spyOn(hypervisor, 'sendTrigger').mockImplementationOnce(async (_domid, trigger) => {
      expect(trigger).toBe('sleep');
      await hypervisor.setHvmParam(domid, 'acpi-s-state', 3n);
      await powerNode(domid, '3');
    });
    await monitor.task('s3suspend', { timeout: 20 });
    expect(await monitor.task('get-acpi-state')).toBe('3');
    await expect(monitor.task('s4suspend')).rejects.toMatchObject({ code: 'VM_NOT_SUPPORTED' });
    await monitor.task('destroy');
  });

  test('that goes down in place of sleeping is told as what it is', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    const domid = await domidOf(monitor);
    await using _drivers = await drivers(domid, async (request) => {
      if (request === 's3') await bench.host.hypervisor.shutdown(domid, 'crash');
    });
    const over = monitor.reached('shutdown');
    await expect(monitor.task('s3suspend')).rejects.toMatchObject({ code: 'VM_NOT_SUPPORTED' });
    await over;
  });

  test('hibernates: it is down, and its power state says why', async () => {
    await using monitor = await bench.monitor(`${HVM()}\non_halt=preserve`);
    await monitor.task('start');
    const domid = await domidOf(monitor);
    await using _drivers = await drivers(domid, async (request) => {
      if (request === 'hibernate') await bench.host.hypervisor.shutdown(domid, 'poweroff');
    });
    await monitor.task('s4suspend');
    expect(await monitor.task('get-status')).toBe('shutdown');
    expect(await monitor.task('get-acpi-state')).toBe('4');
    expect(monitor.told).toContain('power-state:4');
    expect((await bench.leftovers()).domains).toBe(0);
    await monitor.task('start');
    expect(await monitor.task('get-acpi-state')).toBe('0');
    await monitor.task('destroy');
    expect(await monitor.task('get-acpi-state')).toBe('5');
  });

  test('that sleeps is woken to be halted (D42)', async () => {
    await using monitor = await bench.monitor(HVM());
    await monitor.task('start');
    const domid = await domidOf(monitor);
    await bench.host.hypervisor.setHvmParam(domid, 'acpi-s-state', 3n);
    await monitor.task('halt');
    expect(await monitor.task('get-status')).toBe('shutdown');
  });

  test('that sets its clock has it so at its next boot, and that is told', async () => {
    await using monitor = await bench.monitor(`${HVM()}\ntime-offset=60`);
    await monitor.task('start');
    const node = `/vm/${UUID}/rtc/timeoffset`;
    expect(await bench.host.store.find(node)).toBe('60');
    const told = monitor.hears('rtc:-3600');
    await bench.host.store.write(node, '-3600');
    await told;
    expect(await monitor.task('get', { field: 'time-offset' })).toBe('-3600');
    await monitor.task('reboot', { 'auto-start': 'true', forced: 'true' });
    expect(await bench.host.store.find(node)).toBe('-3600');
    await monitor.task('destroy');
    expect(monitor.told.filter((message) => message.startsWith('rtc'))).toEqual(['rtc:-3600']);
  });
});

test('a guest without firmware neither sleeps nor hibernates', async () => {
  await using monitor = await bench.monitor();
  await monitor.task('start');
  for (const task of ['s3suspend', 's4suspend'])
    await expect(monitor.task(task)).rejects.toMatchObject({ code: 'VM_NOT_SUPPORTED' });
  await monitor.task('destroy');
});

describe('a node that the configuration names', () => {
  const EXTRA =
    'extra-local-watch=vm-data/state\nextra-local-watch=power-state\nextra-vm-watch=mark';

  test('is told with its value, and alone when it is gone', async () => {
    await using monitor = await bench.monitor(EXTRA);
    await monitor.task('start');
    const node = `/local/domain/${await domidOf(monitor)}/vm-data/state`;
    for (const [change, message] of [
      [() => bench.host.store.write(node, 'up: x\n'), 'vm-data/state:up: x?'],
      [() => bench.host.store.rm(node), 'vm-data/state'],
      [() => bench.host.store.write(`/vm/${UUID}/mark`, '1'), 'mark:1'],
      [async () => powerNode(await domidOf(monitor), '3'), 'power-state:3'],
    ] as const) {
      const told = monitor.hears(message);
      await change();
      await told;
    }
    await monitor.task('destroy');
  });

  test('of another domid, or not named any more, is not followed (D51)', async () => {
    await using monitor = await bench.monitor(EXTRA);
    await monitor.task('start');
    await monitor.task('set', { field: 'extra-local-watch', value: 'vm-data/other' });
    const node = `/local/domain/${await domidOf(monitor)}/vm-data`;
    const told = monitor.hears('vm-data/other:2');
    await bench.host.store.write(`${node}/state`, '1');
    await bench.host.store.write(`${node}/other`, '2');
    await told;
    expect(monitor.told).not.toContain('vm-data/state:1');
    await monitor.task('destroy');
  });

  test('that changes all the time is told of at a pace, and in the end as it is', async () => {
    await using monitor = await bench.monitor(EXTRA);
    await monitor.task('start');
    const node = `/local/domain/${await domidOf(monitor)}/vm-data/state`;
    const last = monitor.hears('vm-data/state:499');
    for (let value = 0; value < 500; value += 1) await bench.host.store.write(node, String(value));
    await last;
    expect(monitor.told.filter((text) => text.startsWith('vm-data/state')).length).toBeLessThan(
      250,
    );
    await monitor.task('destroy');
  });
});
