import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Domid } from '@xenops/core/ids';
import { setVcpus } from './host-power.ts';
import { SimBench } from './sim-host.test-helper.ts';

// Whole guests, on a machine that may be busy.
jest.setTimeout(60_000);

let bench: SimBench;
beforeEach(async () => {
  bench = await SimBench.open();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A device model that answers as it is told, and what it was asked. */
function model(answers: Readonly<Record<string, unknown>> = {}) {
  const asked: unknown[] = [];
  const execute = async (command: string, args: object = {}): Promise<unknown> => {
    asked.push([command, args]);
    return answers[command] ?? {};
  };
  return { asked, qmp: { execute } };
}

test('vcpus of a guest with firmware are plugged where qemu has places for them, and only those', async () => {
  await using monitor = await bench.monitor('vcpus=4\nvcpus-online=1');
  await monitor.task('start');
  const domid = Number(await monitor.task('get-domid')) as Domid;
  const place = (socket: number, taken = false) => ({
    type: 'qemu32-i386-cpu',
    props: { 'socket-id': socket, 'core-id': 0, 'thread-id': 0 },
    ...(taken ? { 'qom-path': '/machine/unattached/device[0]' } : {}),
  });
  const places = [place(3), place(2), place(1), place(0, true)];
  const dm = model({ 'query-hotpluggable-cpus': places });
  await setVcpus(bench.host, domid, 3, dm);
  expect(dm.asked.slice(1)).toEqual([
    [
      'device_add',
      expect.objectContaining({ driver: 'qemu32-i386-cpu', id: 'cpu-1', 'socket-id': 1 }),
    ],
    ['device_add', expect.objectContaining({ id: 'cpu-2', 'socket-id': 2 })],
  ]);
  const availability = (vcpu: number): Promise<string | undefined> =>
    bench.host.store.find(`/local/domain/${domid}/cpu/${vcpu}/availability`);
  expect(await Promise.all([0, 1, 2, 3].map(availability))).toEqual([
    ...['online', 'online', 'online'],
    'offline',
  ]);
  await monitor.task('destroy');
});
