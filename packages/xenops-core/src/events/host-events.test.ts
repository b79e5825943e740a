import { expect, test } from '@jest/globals';
import type { Host } from '../host/host.ts';
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import { domid, vmUuid } from '../ids.ts';
import { RELEASE_DOMAIN } from '../xenstore/path.ts';
import type { Watch, WatchEvent } from '../xenstore/xenstore.ts';
import { HostEvents } from './host-events.ts';

const info = (id: number, shutdown: boolean): DomainInfo => ({
  ...{ domid: domid(id), uuid: vmUuid(`00000000-0000-0000-0000-00000000000${id}`) },
  ...{ guestType: 'pv', dying: false, paused: false, blocked: false, running: true },
  ...{ shutdown, ...(shutdown ? { shutdownReason: 'crash' } : {}) },
  ...{ memoryKib: 0, maxMemoryKib: 0, outstandingKib: 0, sharedInfoFrame: 0n, cpuTimeNs: 0n },
  ...{ onlineVcpuCount: 1, maxVcpuId: 0, ssidref: 0, cpupoolId: 0 },
});

const IDS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** A host whose domains end when they are told to. */
function fakeHost() {
  const ended = new Set<number>();
  let listings = 0;
  let release: () => void = () => undefined;
  const watch = async (path: string): Promise<Watch> => {
    const stream = new ReadableStream<WatchEvent>({
      start(controller) {
        // As a new watch does.
        if (path.startsWith('@')) controller.enqueue({ kind: 'changed', path });
        if (path !== RELEASE_DOMAIN) return;
        release = () => {
          controller.enqueue({ kind: 'changed', path });
        };
      },
    });
    return {
      path,
      [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  const listDomains = async (): Promise<readonly DomainInfo[]> => {
    listings += 1;
    await new Promise(setImmediate);
    return IDS.map((id) => info(id, ended.has(id)));
  };
  // What is looked at here of a host.
  const host = { store: { watch }, hypervisor: { listDomains } } as unknown as Host;
  return {
    host,
    end: (id: number) => {
      ended.add(id);
      release();
    },
    listings: () => listings,
  };
}

test('domains that end together are found by the listing after the one that is under way', async () => {
  const { host, end, listings } = fakeHost();
  await using events = await HostEvents.open(host, { devices: false });
  const stream = events[Symbol.asyncIterator]();
  for (const _id of IDS) await stream.next();
  const before = listings();
  for (const id of IDS) end(id);
  for (const id of IDS) {
    expect((await stream.next()).value).toMatchObject({ kind: 'shutdown', domid: id });
  }
  // As long as a listing for each of them would take.
  for (const _id of [...IDS, ...IDS]) await new Promise(setImmediate);
  expect(listings() - before).toBeLessThanOrEqual(2);
});
