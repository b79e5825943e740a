import { expect, test } from '@jest/globals';
import { FakeSide, World } from './fake-host.test-helper.ts';
import { planStart } from './plan.ts';
import type { Vm } from './vm.ts';

const SIGNAL = new AbortController().signal;

/** A VM whose guest runs, with what it does and tells from now on. */
async function running() {
  const side = new FakeSide(new World());
  const { vm, told } = side.openVm({ onCrash: 'preserve' });
  await vm.runPlan(planStart({ isPaused: false }), { signal: SIGNAL });
  const before = told.length;
  side.log.length = 0;
  return { vm, side, heard: () => told.slice(before) };
}

const domainOf = (vm: Vm, side: FakeSide) => {
  const domid = vm.getDomid();
  return { domid, domain: side.world.get(domid) };
};

test('an end that was just seen is told before anything else is asked or written', async () => {
  const { vm, side, heard } = await running();
  vm.noteEnd({ domid: vm.getDomid(), end: 'crash' });
  expect(heard()[0]).toBe('error:crashed');
  await vm.queue.idle();
  expect(side.log).toEqual(['save']);
  expect(vm.state).toBe('preserved');
});

test('an end that was seen while other work was under way is looked up when that is done', async () => {
  const { vm, side, heard } = await running();
  let finish: () => void = () => undefined;
  const other = vm.run({
    name: 'other',
    overtakes: false,
    run: () => new Promise<void>((resolve) => (finish = resolve)),
  });
  vm.noteEnd({ domid: vm.getDomid(), end: 'crash' });
  expect(heard()).toEqual([]);
  finish();
  await other;
  await vm.queue.idle();
  expect(heard()).not.toContain('error:crashed');
  expect([vm.state, side.log]).toEqual(['running', ['find']]);
});

test('the end of another domain of the VM is looked up', async () => {
  const { vm, side, heard } = await running();
  const { domid, domain } = domainOf(vm, side);
  vm.noteEnd({ domid: side.world.create(), end: 'gone' });
  await vm.queue.idle();
  expect([vm.state, heard()]).toEqual(['running', []]);
  domain.end = 'crash';
  vm.noteEnd({ domid, end: 'crash' });
  vm.noteEnd({ domid, end: 'crash' });
  await vm.queue.idle();
  expect(heard().filter((line) => line === 'error:crashed')).toHaveLength(1);
});

test('a preserved domain that is destroyed by somebody else is gone', async () => {
  const { vm, side } = await running();
  const { domid } = domainOf(vm, side);
  vm.noteEnd({ domid, end: 'crash' });
  await vm.queue.idle();
  side.world.domains.delete(domid);
  vm.noteEnd({ domid, end: 'gone' });
  await vm.queue.idle();
  expect([vm.state, vm.domid]).toEqual(['shutdown', undefined]);
});
