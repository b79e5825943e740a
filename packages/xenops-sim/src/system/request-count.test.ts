import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { createDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid } from '@xenops/core/ids';
import { WireClient } from '@xenops/core/xenstore';
import { MessageType } from '@xenops/core/xenstore/wire';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { inProcessConnector } from '../xenstored/in-process.ts';
import { writeKernel } from '../testing/sim-guest.test-helper.ts';
import { hostOf, makeGuest } from './whole-host.test-helper.ts';

/** What one small guest takes; xl makes 123 (observed on Xen 4.17). Each costs a millisecond in a Dom0 with oxenstored. */
const REQUESTS = { write: 33, setPermissions: 6, rm: 4, read: 4, mkdir: 2, introduce: 1 };
/** The names of the others are known but for the one that was made last; the watch on them is registered once. */
const REQUESTS_AMONG_OTHERS_MAX = 52;
const OTHERS = 50;

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
afterAll(() => rm(folder, { recursive: true }));

/** The host, with a connection that counts its requests by their kind. */
function counting(sim: SimHost): Host & AsyncDisposable & { readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const connect = inProcessConnector(sim.control.xenstored);
  const names = new Map<number, string>(
    Object.entries(MessageType).map(([name, type]) => [type, name]),
  );
  const store = new WireClient(async (handlers) => {
    const transport = await connect(handlers);
    return {
      send: (message) => {
        const name = names.get(message.readUInt32LE(0)) ?? '';
        counts.set(name, (counts.get(name) ?? 0) + 1);
        transport.send(message);
      },
      setRef: (keepAlive) => transport.setRef(keepAlive),
      close: () => transport.close(),
    };
  });
  return {
    ...hostOf(sim),
    store,
    counts,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);

test('a small paused guest costs few requests to xenstored', async () => {
  await using sim = await createSimHost();
  await using host = counting(sim);
  await makeGuest(host, kernelPath, { name: 'small' });
  expect(Object.fromEntries(host.counts)).toEqual(REQUESTS);
});

test('and hardly more where there are many others', async () => {
  await using sim = await createSimHost();
  await using host = counting(sim);
  for (let other = 0; other < OTHERS; other += 1) {
    await createDomain(host, {
      uuid: randomVmUuid(),
      guestType: 'pv',
      name: `other${other}`,
      maxVcpus: 1,
    });
  }
  host.counts.clear();
  await makeGuest(host, kernelPath, { name: 'small' });
  expect(total(host.counts)).toBeLessThanOrEqual(REQUESTS_AMONG_OTHERS_MAX);
});
