import { expect, test } from '@jest/globals';
import { domid } from '@xenops/core/ids';
import { FakeSide, UUID, World } from './fake-host.test-helper.ts';
import { GuestFollower } from './guest-follower.ts';
import type { NodeListener } from './vm-host.ts';

/** A follower of a VM, what it follows, and the ways to tell it. */
function following(change: Parameters<FakeSide['openVm']>[0]) {
  const side = new FakeSide(new World());
  const { vm, told } = side.openVm(change);
  const nodes = new Map<string, NodeListener>();
  const power: ((state: number) => void)[] = [];
  const ended: string[] = [];
  const until = (name: string): AsyncDisposable => ({
    [Symbol.asyncDispose]: async () => void ended.push(name),
  });
  const host = {
    ...side.host,
    async followNode(path: string, listener: NodeListener) {
      nodes.set(path, listener);
      return until(path);
    },
    async followPower(_domid: unknown, tell: (state: number) => void) {
      power.push(tell);
      return until('power');
    },
  };
  const { logger, facts } = vm;
  const follower = new GuestFollower({ uuid: UUID, host, logger, facts });
  return { vm, told, follower, nodes, power, ended };
}

test('the device model is asked for power states once it is there, and its word is told once', async () => {
  const { vm, told, follower, power } = following({ hvm: true });
  vm.facts.happened('create');
  vm.facts.happened('built');
  follower.sync(domid(1), vm.config.current);
  expect(power).toHaveLength(0);
  vm.facts.happened('attached');
  for (let time = 0; time < 3; time += 1) follower.sync(domid(1), vm.config.current);
  expect(power).toHaveLength(1);
  for (const state of [3, 3, 0]) power[0]?.(state);
  expect(told.filter((message) => message.startsWith('power'))).toEqual([
    'power-state:3',
    'power-state:0',
  ]);
  await follower[Symbol.asyncDispose]();
});

test('what a guest writes where its power state should be is told when it is one', async () => {
  const { vm, told, follower, nodes } = following({ hvm: true });
  vm.facts.happened('create');
  follower.sync(domid(1), vm.config.current);
  const listener = nodes.get('/local/domain/1/power-state');
  for (const text of ['', 'up', '3x', '-3', '99999', undefined, '4']) listener?.tell(text);
  expect(told.filter((message) => message.startsWith('power'))).toEqual(['power-state:4']);
  expect(vm.facts.keepsChanges).toBe(false);
  await follower[Symbol.asyncDispose]();
});

test('without a domain nothing is followed any more', async () => {
  const { vm, follower, nodes, ended } = following({ localWatches: ['a/b'], vmWatches: ['c'] });
  follower.sync(domid(7), vm.config.current);
  expect([...nodes.keys()]).toEqual(['/local/domain/7/a/b', `/vm/${UUID}/c`]);
  follower.sync(undefined, vm.config.current);
  await follower[Symbol.asyncDispose]();
  await Promise.resolve();
  expect(ended).toEqual([...nodes.keys()]);
});
