import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { vmUuid } from '@xenops/core/ids';
import { listTree, type XenStore } from '@xenops/core/xenstore';
import { vmRecordPath } from '@xenops/core/xenstore/path';
import { SimBench, UUID } from './sim-host.test-helper.ts';
import { takeTurns, Turns } from './take-turns.ts';
import type { VmRecord } from './vm-store.ts';
import { XenstoreVmStore } from './xenstore-vm-store.ts';

const VM = vmUuid(UUID);

let bench: SimBench;
/** Verbs of the store that were called. */
let called: string[];
let store: XenStore;

beforeEach(async () => {
  bench = await SimBench.open();
  called = [];
  store = new Proxy(bench.host.store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      called.push(String(name));
      return member.bind(target) as unknown;
    },
  });
});
afterEach(() => bench[Symbol.asyncDispose]());

const record = (length: number, state: VmRecord['state'] = 'running'): VmRecord => ({
  state,
  quickEnds: 0,
  current: 'x'.repeat(length),
});
const parts = async (): Promise<number> =>
  (await listTree(bench.host.store, vmRecordPath(VM))).size;

test('a record in one part is written again with one request', async () => {
  const records = new XenstoreVmStore(store);
  await records.save(VM, record(10));
  expect(called).toEqual(['transaction']);
  await records.save(VM, record(20, 'paused'));
  expect(called).toEqual(['transaction', 'write']);
  expect(await new XenstoreVmStore(bench.host.store).load(VM)).toMatchObject(record(20, 'paused'));
});

test.each([
  ['longer', 10, 9000],
  ['shorter', 9000, 10],
])('a record that has become %s is written whole', async (_how, first, second) => {
  const records = new XenstoreVmStore(store);
  await records.save(VM, record(first));
  await records.save(VM, record(second));
  expect(called).toEqual(['transaction', 'transaction']);
  expect(await records.load(VM)).toMatchObject(record(second));
});

test('records that are written side by side take effect in their order', async () => {
  const records = new XenstoreVmStore(takeTurns(store, new Turns(bench.host.services.clock)));
  await records.save(VM, record(10));
  await Promise.all([9000, 20, 9000, 30].map((length) => records.save(VM, record(length))));
  expect(called.filter((name) => name === 'write')).toEqual([]);
  await records.save(VM, record(40));
  expect(called.filter((name) => name === 'write')).toHaveLength(1);
  expect(await records.load(VM)).toMatchObject(record(40));
});

test('a record that was removed, or is of an earlier monitor, is written whole', async () => {
  await new XenstoreVmStore(bench.host.store).save(VM, record(9000));
  const records = new XenstoreVmStore(store);
  await records.save(VM, record(10));
  expect(await records.load(VM)).toMatchObject(record(10));
  await records.remove(VM);
  expect(await parts()).toBe(0);
  await records.save(VM, record(10));
  expect(called.filter((name) => name === 'write')).toEqual([]);
  expect(await records.load(VM)).toMatchObject(record(10));
});
