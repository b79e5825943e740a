import { afterEach, beforeEach, describe, expect, test, jest } from '@jest/globals';
import type { Domid } from '@xenops/core/ids';
import { parseConfig } from '../config/index.ts';
import { EventLog } from '../notify/event-log.ts';
import { CoreHost } from './core-host.ts';
import { UUID as VM_UUID } from './fake-host.test-helper.ts';
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
  ['restore', saved, () => planRestore({ ...AWAKE, imagePath: imagePath(), isDeleted: false })],
];

describe('killed between any two steps on an embedded host, the next monitor finds the truth', () => {
  test.each(OPERATIONS)('%s', async (_name, prepare, plan) => {
    await prepare();
    const whole = monitor();
    await whole.vm.recover(uncalled());
    const before = whole.noteCount();
    await whole.vm.runPlan(plan(), uncalled());
    const last = whole.noteCount();
    await whole.vm.command(planDestroy(), uncalled());
    expect(last - before).toBeGreaterThan(2);

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
        expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
      }
    }
  });
});
