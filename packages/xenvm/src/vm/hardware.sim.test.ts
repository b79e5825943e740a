import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { SimBench } from './sim-host.test-helper.ts';

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

test('each vcpu runs where the configuration says, and where it does not is refused (D16)', async () => {
  const placed = jest.spyOn(bench.host.hypervisor, 'setVcpuAffinity');
  await using monitor = await bench.monitor('vcpus=2\ncpus-affinity=0:0\ncpus-affinity=1:0,2-3');
  await monitor.task('start');
  const domid = Number(await monitor.task('get-domid'));
  expect(placed.mock.calls).toEqual([
    [domid, 0, { hard: [0] }],
    [domid, 1, { hard: [0, 2, 3] }],
  ]);
  await monitor.task('destroy');
  await monitor.task('set', { field: 'cpus-affinity', value: '0:4000' });
  await expect(monitor.task('start')).rejects.toMatchObject({ code: expect.any(String) });
  expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
});

test('both ends of a range of ports or memory are granted (D18)', async () => {
  // What Dom0 itself may use is another matter.
  const { hypervisor } = bench.host;
  const ports = jest.spyOn(hypervisor, 'setIoportPermission').mockReturnValue(undefined);
  const memory = jest.spyOn(hypervisor, 'setIomemPermission').mockReturnValue(undefined);
  await using monitor = await bench.monitor(
    'passthrough-io=0x60-0x64\npassthrough-mmio=0xfed40000-0xfed44fff',
  );
  await monitor.task('start');
  expect(ports.mock.calls[0]?.slice(1)).toEqual([{ firstPort: 0x60, count: 5 }, true]);
  expect(memory.mock.calls[0]?.slice(1)).toEqual([{ firstFrame: 0xfed40n, count: 5 }, true]);
  await monitor.task('destroy');
});

test('a security label that Xen does not know refuses the start (D17)', async () => {
  await using monitor = await bench.monitor('flask-label=system_u:system_r:nobody_t');
  await expect(monitor.task('start')).rejects.toMatchObject({ code: 'VM_NOT_SUPPORTED' });
  expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
});

test('of two starts for which there is memory once, one succeeds and the other leaves nothing (D39)', async () => {
  const { freeMemoryKib } = await bench.host.hypervisor.physInfo();
  const lines = `memory=${Math.floor((freeMemoryKib * 0.6) / 1024)}`;
  await using first = await bench.monitor(lines);
  await using second = await bench.monitor(lines, '22222222-2222-3333-4444-555555555555');
  const starts = await Promise.allSettled([first.task('start'), second.task('start')]);
  expect(starts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(await bench.leftovers()).toMatchObject({ domains: 1 });
  await Promise.all([first.task('destroy'), second.task('destroy')]);
  expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  expect(await bench.host.hypervisor.physInfo()).toMatchObject({ freeMemoryKib });
});
