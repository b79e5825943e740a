import { expect, jest, test } from '@jest/globals';
import { FakeSide, World, type Trouble } from './fake-host.test-helper.ts';
import { planDestroy, planHalt, planRestore, planSave, planStart, type Plan } from './plan.ts';
import type { Vm } from './vm.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

/** What a guest changed on a disk for one boot lives exactly as long as the guest, in a domain or in an image, whoever is killed when. */
const IMAGE = '/image';
const AWAKE = { isPaused: false };
const uncalled = () => ({ signal: new AbortController().signal });
const SUSPEND = planSave({ ...AWAKE, imagePath: IMAGE, isLive: false, isKept: false });
const RESTORE = planRestore({ ...AWAKE, imagePath: IMAGE, isDeleted: true });

async function monitor(side: FakeSide): Promise<Vm> {
  const { vm } = side.openVm();
  await vm.recover(uncalled());
  await vm.queue.idle();
  return vm;
}

/** A world after these plans. */
async function worldAfter(plans: readonly Plan[]): Promise<World> {
  const world = new World();
  world.needsSession = true;
  const vm = await monitor(new FakeSide(world));
  for (const plan of plans) await vm.runPlan(plan, uncalled());
  return world;
}

/** `hasRun`: the guest of the image has run since, so that its disk is not that of the image any more. */
function expectSession(world: World, at: string, hasRun = false): void {
  const [domain] = world.domains.values();
  const isInImage = domain === undefined && world.images.has(IMAGE) && !hasRun;
  const wanted = domain === undefined ? (isInImage ? ['kept'] : ['none']) : ['live', 'kept'];
  expect([at, wanted]).toEqual([at, expect.arrayContaining([world.session])]);
}

async function eachCall(
  before: readonly Plan[],
  plan: Plan,
  check: (world: World, side: FakeSide, at: string) => Promise<void>,
  kind: 'kill' | 'fail',
): Promise<void> {
  const counting = new FakeSide(await worldAfter(before));
  await (await monitor(counting)).runPlan(plan, uncalled());
  for (const call of counting.log.keys()) {
    for (const isDone of [false, true]) {
      const world = await worldAfter(before);
      const trouble: Trouble = { kind, call, isDone };
      await check(world, new FakeSide(world, trouble), `${plan.name} ${call} ${String(isDone)}`);
    }
  }
}

const OPERATIONS: readonly (readonly [string, readonly Plan[], Plan])[] = [
  ['start', [], planStart(AWAKE)],
  ['halt', [planStart(AWAKE)], planHalt(AWAKE)],
  ['destroy', [planStart(AWAKE)], planDestroy()],
  ['suspend', [planStart(AWAKE)], SUSPEND],
  ['restore', [planStart(AWAKE), SUSPEND], RESTORE],
];

test.each(OPERATIONS)('killed at any call of %s', async (_name, before, plan) => {
  await eachCall(
    before,
    plan,
    async (world, side, at) => {
      const work = monitor(side).then((vm) => vm.runPlan(plan, uncalled()));
      await Promise.race([side.killed, work]);
      const vm = await monitor(new FakeSide(world));
      expectSession(world, at);
      if (!world.images.has(IMAGE) || world.domains.size > 0) return;
      await vm.command(RESTORE, uncalled());
      expect([at, world.session, vm.state]).toEqual([at, 'live', 'running']);
    },
    'kill',
  );
});

test.each(OPERATIONS)('failing at any call of %s', async (_name, before, plan) => {
  await eachCall(
    before,
    plan,
    async (world, side, at) => {
      const vm = await monitor(side).catch(() => undefined);
      await vm?.runPlan(plan, uncalled()).catch(() => undefined);
      await vm?.queue.idle();
      // What could not be given back is, with the next stop.
      const next = await monitor(new FakeSide(world));
      if (world.domains.size === 0) await next.command(planDestroy(), uncalled());
      expectSession(world, at, plan === RESTORE && side.log.includes('mark'));
    },
    'fail',
  );
});
