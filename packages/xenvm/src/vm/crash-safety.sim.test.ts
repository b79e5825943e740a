import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test, jest } from '@jest/globals';
import { diskNumber, parseDiskName } from '@xenops/core/devices';
import { listDeviceAddresses } from '@xenops/core/domain';
import type { Domid } from '@xenops/core/ids';
import { parseConfig } from '../config/index.ts';
import { EventLog } from '../notify/event-log.ts';
import { CoreHost } from './core-host.ts';
import { addDevice, removeDisk } from './device-tasks.ts';
import { UUID as VM_UUID } from './fake-host.test-helper.ts';
import { removeNic } from './nic-tasks.ts';
import {
  planDestroy,
  planHalt,
  planReboot,
  planRestore,
  planSave,
  planStart,
  type Plan,
} from './plan.ts';
import { SimBench } from './sim-host.test-helper.ts';
import type { VmStore } from './vm-store.ts';
import { Vm, type VmParts } from './vm.ts';
import { XenstoreVmStore } from './xenstore-vm-store.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

let bench: SimBench;
beforeEach(async () => {
  bench = await SimBench.open();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const uncalled = () => ({ signal: new AbortController().signal });
const AWAKE = { isPaused: false };
const imagePath = (): string => bench.path('image');

interface Monitor {
  readonly vm: Vm;
  /** Resolves when it has been killed at the note that it was to be killed at. */
  readonly killed: Promise<void>;
  readonly noteCount: () => number;
}

/** A monitor that never comes back from its `killAt`-th note, before the note is written or after. */
function monitor(killAt = Infinity, isWritten = false): Monitor {
  const inner = new XenstoreVmStore(bench.host.store);
  let notes = 0;
  let kill: () => void = () => undefined;
  const killed = new Promise<void>((resolve) => {
    kill = resolve;
  });
  const note = async (write: () => Promise<void>): Promise<void> => {
    const isLast = notes === killAt;
    notes += 1;
    if (!isLast || isWritten) await write();
    if (!isLast) return;
    kill();
    await new Promise(() => undefined);
  };
  const store: VmStore = {
    load: (uuid) => inner.load(uuid),
    save: (uuid, record) => note(() => inner.save(uuid, record)),
    remove: (uuid) => note(() => inner.remove(uuid)),
  };
  const logger: VmParts['logger'] = { log: () => undefined, child: () => logger };
  const parts: VmParts = {
    ...{
      uuid: VM_UUID,
      host: new CoreHost(bench.host),
      store,
      events: new EventLog('test'),
      logger,
    },
    notifier: { notify: () => undefined },
    randomMac: () => '00:16:3e:00:00:01',
    rereadConfig: () => Promise.resolve(undefined),
    configInForce: () => undefined,
  };
  const text = `memory=64\nkernel=${bench.path('kernel')}\ndisk=/dev/disk-a:phy:xvda:w:disk:\nnic=bridge=xenbr0\n`;
  return { vm: new Vm(parts, parseConfig(text).config), killed, noteCount: () => notes };
}

async function up(): Promise<Domid | undefined> {
  const { vm } = monitor();
  await vm.runPlan(planStart(AWAKE), uncalled());
  return vm.domid;
}

async function saved(): Promise<undefined> {
  const { vm } = monitor();
  await vm.runPlan(planStart(AWAKE), uncalled());
  await vm.runPlan(
    planSave({ ...AWAKE, imagePath: imagePath(), isLive: false, isKept: false }),
    uncalled(),
  );
}

const down = (): Promise<undefined> => Promise.resolve(undefined);

const OPERATIONS: readonly (readonly [string, () => Promise<Domid | undefined>, () => Plan])[] = [
  ['start', down, () => planStart(AWAKE)],
  ['halt', up, () => planHalt(AWAKE)],
  ['reboot with start', up, () => planReboot({ ...AWAKE, isForced: false, isStarted: true })],
  [
    'suspend',
    up,
    () => planSave({ ...AWAKE, imagePath: imagePath(), isLive: false, isKept: false }),
  ],
  [
    'checkpoint',
    up,
    () => planSave({ ...AWAKE, imagePath: imagePath(), isLive: false, isKept: true }),
  ],
  ['restore', saved, () => planRestore({ ...AWAKE, imagePath: imagePath(), isDeleted: true })],
  ['destroy', up, () => planDestroy()],
];

describe('killed between any two steps on an embedded host, the next monitor finds the truth', () => {
  test.each(OPERATIONS)('%s', async (_name, prepare, plan) => {
    const untouched = await bench.fingerprint();
    await prepare();
    const whole = monitor();
    await whole.vm.recover(uncalled());
    const before = whole.noteCount();
    await whole.vm.runPlan(plan(), uncalled());
    const last = whole.noteCount();
    await whole.vm.command(planDestroy(), uncalled());
    expect(last - before).toBeGreaterThan(1);

    for (let killAt = before; killAt < last; killAt += 1) {
      for (const isWritten of [false, true]) {
        await prepare();
        const doomed = monitor(killAt, isWritten);
        await doomed.vm.recover(uncalled());
        await Promise.race([doomed.killed, doomed.vm.runPlan(plan(), uncalled())]);

        const { vm } = monitor();
        await vm.recover(uncalled());
        await vm.queue.idle();
        const found = await vm.host.findDomain(VM_UUID);
        expect([killAt, vm.domid]).toEqual([killAt, found?.domid]);
        expect(found?.end).toBeUndefined();
        if (found !== undefined) expect(vm.state).toBe('running');
        await vm.command(planDestroy(), uncalled());
        await rm(imagePath(), { force: true });
        expect([killAt, isWritten, await bench.fingerprint()]).toEqual([
          ...[killAt, isWritten, untouched],
        ]);
      }
    }
  });
});

const DEVICES: readonly (readonly [string, (vm: Vm) => Promise<void>, readonly string[]])[] = [
  [
    'disk-add',
    (vm) =>
      addDevice(vm, { key: 'disk', line: '/dev/disk-b:phy:xvdb:w:disk:', isNow: true }, uncalled()),
    ['vbd 51712', 'vbd 51728', 'vif 0'],
  ],
  ['disk-del', (vm) => removeDisk(vm, { vdev: 'xvda', isForced: false }, uncalled()), ['vif 0']],
  [
    'nic-add',
    (vm) => addDevice(vm, { key: 'nic', line: 'bridge=xenbr0', isNow: true }, uncalled()),
    ['vbd 51712', 'vif 0', 'vif 1'],
  ],
  ['nic-del', (vm) => removeNic(vm, { devid: 0, isForced: false }, uncalled()), ['vbd 51712']],
];

/** The devices that the guest has, and those that its monitor believes it has. */
async function devicesOf(vm: Vm): Promise<readonly [readonly string[], readonly string[]]> {
  const real = await listDeviceAddresses(bench.host.store, vm.getDomid());
  const { disks } = vm.config.current;
  return [
    real
      .filter(({ kind }) => kind !== 'console')
      .map(({ kind, devid }) => `${kind} ${devid}`)
      .toSorted(),
    [
      ...disks.map(({ vdev }) => `vbd ${diskNumber(parseDiskName(vdev))}`),
      ...vm.nics.map(({ devid }) => `vif ${devid}`),
    ].toSorted(),
  ];
}

describe('killed while a device comes or goes, the next monitor knows what the guest has', () => {
  test.each(DEVICES)('%s', async (_name, change, after) => {
    const untouched = await bench.fingerprint();
    await up();
    const whole = monitor();
    await whole.vm.recover(uncalled());
    const before = whole.noteCount();
    await change(whole.vm);
    const last = whole.noteCount();
    expect(await devicesOf(whole.vm)).toEqual([after, after]);
    await whole.vm.command(planDestroy(), uncalled());
    expect(last - before).toBeGreaterThan(1);

    for (let killAt = before; killAt < last; killAt += 1) {
      for (const isWritten of [false, true]) {
        const domid = await up();
        const doomed = monitor(killAt, isWritten);
        await doomed.vm.recover(uncalled());
        await Promise.race([doomed.killed, change(doomed.vm)]);

        const { vm } = monitor();
        await vm.recover(uncalled());
        await vm.queue.idle();
        const [real, believed] = await devicesOf(vm);
        expect([killAt, isWritten, real]).toEqual([killAt, isWritten, believed]);
        expect([vm.domid, vm.state]).toEqual([domid, 'running']);
        await vm.command(planDestroy(), uncalled());
        expect(await bench.fingerprint()).toEqual(untouched);
      }
    }
  });
});
