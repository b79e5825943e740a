/** Each VM has a connection of its own to xenstore, so that a guest which stalls one holds up no other VM. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { XenStore } from '@xenops/core/xenstore';
import { SimBench } from './sim-host.test-helper.ts';

const OTHER_UUID = '22222222-2222-3333-4444-555555555555';

let bench: SimBench;
/** Whether the connections that were asked for are open. */
let open: boolean[];
/** The connection on which nothing is answered, by its index, until the daemon gives it up. */
let stalled: { readonly index: number; readonly answer: Promise<never> } | undefined;

/** A connection of the host's, with an end of its own. */
function connection(): XenStore {
  const index = open.push(true) - 1;
  return new Proxy(bench.host.store, {
    get(store, name) {
      if (name === Symbol.asyncDispose) return async () => void (open[index] = false);
      if (stalled?.index === index) return () => stalled?.answer;
      const member: unknown = Reflect.get(store, name, store);
      return typeof member === 'function' ? (member.bind(store) as unknown) : member;
    },
  });
}

beforeEach(async () => {
  bench = await SimBench.open();
  open = [];
  stalled = undefined;
  Object.assign(bench.host, { openStore: async () => connection() });
});
afterEach(() => bench[Symbol.asyncDispose]());

test('it is opened with the VM and closed with it', async () => {
  const one = await bench.monitor();
  const other = await bench.monitor('', OTHER_UUID);
  expect(open).toEqual([true, true]);
  await one[Symbol.asyncDispose]();
  expect(open).toEqual([false, true]);
  await other[Symbol.asyncDispose]();
  expect(open).toEqual([false, false]);
});

test('a VM starts and stops while the connection of another is stalled', async () => {
  await using stuck = await bench.monitor();
  await using other = await bench.monitor('', OTHER_UUID);
  let giveUp: (error: Error) => void = () => undefined;
  const answer = new Promise<never>((_, reject) => (giveUp = reject));
  stalled = { index: 0, answer };
  const start = stuck.task('start').then(
    () => 'started',
    () => 'failed',
  );
  await other.task('start');
  await other.task('destroy');
  giveUp(new Error('The connection is given up'));
  expect(await start).toBe('failed');
  stalled = undefined;
});
