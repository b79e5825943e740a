import { describe, expect, test, jest } from '@jest/globals';
import { WITHOUT_DOMAIN } from '../life/states.ts';
import { FakeSide, UUID, World, type Trouble } from './fake-host.test-helper.ts';
import {
  planDestroy,
  planHalt,
  planReboot,
  planRestore,
  planSave,
  planStart,
  type Plan,
} from './plan.ts';
import type { Vm } from './vm.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

const IMAGE = '/image';
/** Fresh for each use: operations that are killed never let go of theirs. */
const uncalled = () => ({ signal: new AbortController().signal });
const AWAKE = { isPaused: false };

interface Operation {
  readonly name: string;
  readonly before: 'down' | 'up' | 'image';
  readonly plan: Plan;
  /** Whether a guest that ran must still run if the operation is not done. */
  readonly keepsGuest: boolean;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'start', before: 'down', plan: planStart(AWAKE), keepsGuest: false },
  { name: 'start paused', before: 'down', plan: planStart({ isPaused: true }), keepsGuest: false },
  { name: 'halt', before: 'up', plan: planHalt(AWAKE), keepsGuest: false },
  { name: 'destroy', before: 'up', plan: planDestroy(), keepsGuest: false },
  {
    name: 'reboot',
    before: 'up',
    plan: planReboot({ ...AWAKE, isForced: false, isStarted: false }),
    keepsGuest: false,
  },
  {
    name: 'reboot with start',
    before: 'up',
    plan: planReboot({ ...AWAKE, isForced: false, isStarted: true }),
    keepsGuest: false,
  },
  {
    name: 'suspend',
    before: 'up',
    plan: planSave({ ...AWAKE, imagePath: IMAGE, isLive: false, isKept: false }),
    keepsGuest: true,
  },
  {
    name: 'checkpoint',
    before: 'up',
    plan: planSave({ ...AWAKE, imagePath: IMAGE, isLive: false, isKept: true }),
    keepsGuest: true,
  },
  {
    name: 'restore',
    before: 'image',
    plan: planRestore({ ...AWAKE, imagePath: IMAGE, isDeleted: true }),
    keepsGuest: false,
  },
];

/** A world in which the operation can begin. */
async function prepared(before: Operation['before']): Promise<World> {
  const world = new World();
  if (before === 'image') world.images.add(IMAGE);
  if (before === 'up') {
    const { vm } = new FakeSide(world).openVm();
    await vm.runPlan(planStart(AWAKE), uncalled());
  }
  return world;
}

/** A monitor that has found what there is, ready for work. */
async function monitor(side: FakeSide): Promise<Vm> {
  const { vm } = side.openVm();
  await vm.recover(uncalled());
  await vm.queue.idle();
  return vm;
}

/** Whatever happened: what the monitor says is what there is, and nothing is half made. */
async function expectTrue(world: World, vm: Vm): Promise<void> {
  const [domain] = world.domains.values();
  expect(world.domains.size).toBeLessThanOrEqual(1);
  if (domain === undefined) {
    expect(WITHOUT_DOMAIN).toContain(vm.state);
    expect(vm.domid).toBeUndefined();
  } else {
    expect(domain.isBuilt && domain.hasDevices).toBe(true);
    expect(domain.end).toBeUndefined();
    expect(vm.state).toBe(
      domain.isPaused ? (vm.state === 'created' ? 'created' : 'paused') : 'running',
    );
    expect(vm.domid).toBe([...world.domains.keys()][0]);
  }
  expect(world.records.get(UUID)?.underway).toBeUndefined();
  // And it is good for more: a forced stop leaves nothing.
  await vm.command(planDestroy(), uncalled());
  expect([world.domains.size, world.records.size, vm.state]).toEqual([0, 0, 'shutdown']);
}

/** How many calls the operation makes, found by running it. */
async function callCount({ before, plan }: Operation): Promise<number> {
  const world = await prepared(before);
  const side = new FakeSide(world);
  const vm = await monitor(side);
  await vm.runPlan(plan, uncalled());
  return side.log.length;
}

async function eachCall(
  operation: Operation,
  kind: 'fail' | 'kill',
  check: (trouble: Trouble) => Promise<void>,
): Promise<number> {
  const count = await callCount(operation);
  for (let call = 0; call < count; call += 1) {
    for (const isDone of [false, true]) await check({ kind, call, isDone });
  }
  return count;
}

describe.each(OPERATIONS)('$name', (operation) => {
  test('killed at any call, before it or after: the next monitor finds the truth and finishes or undoes', async () => {
    const count = await eachCall(operation, 'kill', async (trouble) => {
      const world = await prepared(operation.before);
      const side = new FakeSide(world, trouble);
      const work = monitor(side).then((vm) => vm.runPlan(operation.plan, uncalled()));
      await Promise.race([side.killed, work]);
      const successor = await monitor(new FakeSide(world));
      if (operation.keepsGuest && world.domains.size === 0) expect(world.images).toContain(IMAGE);
      if (operation.before === 'image' && world.domains.size === 0)
        expect(world.images).toContain(IMAGE);
      await expectTrue(world, successor);
    });
    expect(count).toBeGreaterThan(5);
  });

  test('failing at any call: the state is true afterwards and nothing is left', async () => {
    await eachCall(operation, 'fail', async (trouble) => {
      const world = await prepared(operation.before);
      const side = new FakeSide(world, trouble);
      const { vm } = side.openVm();
      try {
        await vm.recover(uncalled());
        await vm.runPlan(operation.plan, uncalled());
      } catch (error) {
        expect(String(error)).toMatch(/fails|undone/);
      }
      await vm.queue.idle();
      // A failure of the very call that finds out leaves the truth to the next look.
      await vm.settle();
      await vm.queue.idle();
      if (operation.keepsGuest && world.domains.size === 0) expect(world.images).toContain(IMAGE);
      await expectTrue(world, vm);
    });
  });
});

test.each(OPERATIONS.filter(({ name }) => name === 'start' || name === 'restore'))(
  'a guest that runs is kept when anything fails after its $name',
  async ({ before, plan }) => {
    const straight = new FakeSide(await prepared(before));
    await (await monitor(straight)).runPlan(plan, uncalled());
    const unpaused = straight.log.indexOf('unpause');
    expect(unpaused).toBeGreaterThan(0);
    for (let call = unpaused + 1; call < straight.log.length; call += 1) {
      const world = await prepared(before);
      const vm = await monitor(new FakeSide(world, { kind: 'fail', call, isDone: false }));
      await vm.runPlan(plan, uncalled()).catch(() => undefined);
      await vm.queue.idle();
      expect([world.domains.size, vm.state]).toEqual([1, 'running']);
      expect(world.records.get(UUID)?.underway).toBeUndefined();
      // The next monitor finds it too.
      expect((await monitor(new FakeSide(world))).state).toBe('running');
    }
  },
);
