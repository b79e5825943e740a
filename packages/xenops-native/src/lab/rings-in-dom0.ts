/**
 * Event channels, grants and foreign memory on real Xen: the console of a guest is read through its ring, as a back-end
 * would. Run by native.lab.ts as `node --test`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DOM0, domid, evtchn, type Evtchn } from '@xenops/core/ids';
import type { EventChannels, RingAccess } from '@xenops/core/hypervisor';
import { openHypervisor } from '../open-hypervisor.ts';
import { bootUntil, CONSOLE_GRANT } from './console-ring.ts';
import { rejects, withPvGuest } from './pv-guest.ts';

/** Reserved for the store (xen/include/public/grant_table.h). */
const STORE_GRANT = 1;
const PAGE_BYTES = 4096;
const NO_DOMAIN = domid(32_000);
const WORKER_COUNT = 2;

/** Mappings of other domains' memory in this process. */
const mappingCount = (): number =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => /\/dev\/xen\/(gntdev|privcmd)$/.test(line)).length;

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const threads = (): number => readdirSync('/proc/self/task').length;

async function withRings(body: (rings: RingAccess) => Promise<void>): Promise<void> {
  await using hypervisor = openHypervisor();
  await using rings = hypervisor.openRings();
  await body(rings);
}

/** Two ends of one channel, both ours. */
async function pair(
  rings: RingAccess,
): Promise<{ one: EventChannels; other: EventChannels; port: Evtchn; peer: Evtchn }> {
  const one = await rings.openEventChannels();
  const other = await rings.openEventChannels();
  const port = await one.bindUnbound(DOM0);
  const peer = await other.bindInterdomain(DOM0, port);
  return { one, other, port, peer };
}

async function memoryTests(): Promise<void> {
  await test("a guest's console is read through its ring", async () => {
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async (guest) => {
      assert.match(await bootUntil(hypervisor, guest, 'Linux version'), /Linux version \d/);
    });
  });

  await test('a page is the same by grant and by frame', async () => {
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async (guest) => {
      await using rings = hypervisor.openRings();
      using both = await rings.mapGrants(guest.domid, [CONSOLE_GRANT, STORE_GRANT], {
        writable: true,
      });
      using byFrame = await rings.mapFrames(guest.domid, [guest.storeFrame, guest.consoleFrame]);
      assert.equal(both.bytes.length, 2 * PAGE_BYTES);
      both.bytes.set([1, 2, 3], PAGE_BYTES);
      both.bytes.set([4, 5, 6], 0);
      assert.deepEqual([...byFrame.bytes.subarray(0, 3)], [1, 2, 3]);
      assert.deepEqual([...byFrame.bytes.subarray(PAGE_BYTES, PAGE_BYTES + 3)], [4, 5, 6]);
    });
  });

  await test('what is released is unmapped and detached, once, in any order', async () => {
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async ({ domid: guest, consoleFrame }) => {
      const before = mappingCount();
      const rings = hypervisor.openRings();
      const first = await rings.mapGrants(guest, [CONSOLE_GRANT]);
      const second = await rings.mapFrames(guest, [consoleFrame]);
      assert.equal(mappingCount(), before + 2);
      first[Symbol.dispose]();
      first[Symbol.dispose]();
      assert.equal(first.bytes.length, 0);
      assert.equal(mappingCount(), before + 1);
      assert.equal(second.bytes.length, PAGE_BYTES);
      await rings[Symbol.asyncDispose]();
      await rings[Symbol.asyncDispose]();
      assert.equal(second.bytes.length, 0);
      assert.equal(mappingCount(), before);
      await rejects(() => rings.mapGrants(guest, [CONSOLE_GRANT]), 'HYPERVISOR_UNAVAILABLE');
    });
  });

  await test('bytes that outlive their rings are not pulled away from under a reader', async () => {
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async ({ domid: guest }) => {
      const before = mappingCount();
      const rings = hypervisor.openRings();
      const memory = await rings.mapGrants(guest, [CONSOLE_GRANT]);
      // Taken over, as structured cloning would, where this Node can.
      const transfer: unknown = Reflect.get(ArrayBuffer.prototype, 'transfer');
      const taken: unknown =
        typeof transfer === 'function'
          ? Reflect.apply(transfer, memory.bytes.buffer, [])
          : undefined;
      await rings[Symbol.asyncDispose]();
      if (taken instanceof ArrayBuffer) {
        assert.equal(new Uint8Array(taken).length, PAGE_BYTES);
        assert.equal(mappingCount(), before + 1);
      } else {
        assert.throws(() => structuredClone(memory.bytes, { transfer: [memory.bytes.buffer] }));
        assert.equal(mappingCount(), before);
      }
    });
  });

  await test('memory that is forgotten is unmapped when it is collected', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async ({ domid: guest }) => {
      const before = mappingCount();
      const forget = async (): Promise<void> => {
        await hypervisor.openRings().mapGrants(guest, [CONSOLE_GRANT]);
      };
      await forget();
      for (let turn = 0; turn < 50 && mappingCount() > before; turn++) {
        collect();
        await nextTurn();
      }
      assert.equal(mappingCount(), before);
    });
  });

  await test('what is not there cannot be mapped', async () => {
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async ({ domid: guest }) => {
      await using rings = hypervisor.openRings();
      const before = mappingCount();
      // A machine frame that is not the guest's; a hardware container's own numbers are bad ones instead.
      await rejects(() => rings.mapFrames(guest, [2n ** 40n]), 'HYPERVISOR_NOT_PERMITTED');
      await rejects(() => rings.mapFrames(guest, [-1n]), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => rings.mapFrames(guest, []), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => rings.mapFrames(NO_DOMAIN, [1n]), 'HYPERVISOR_NO_DOMAIN');
      await rejects(() => rings.mapGrants(guest, [2 ** 32]), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => rings.mapGrants(guest, [CONSOLE_GRANT, 500]), 'HYPERVISOR_BAD_ARGUMENT');
      assert.equal(mappingCount(), before);
    });
  });
}

async function eventTests(): Promise<void> {
  await test('each end hears of the notifications of the other', async () => {
    await withRings(async (rings) => {
      const { one, other, port, peer } = await pair(rings);
      for (let round = 0; round < 3; round++) {
        const waited = one.wait(port);
        await other.notify(peer);
        await waited;
        await one.notify(port);
        await other.wait(peer);
      }
    });
  });

  await test('a notification that nobody waits for is not lost', async () => {
    await withRings(async (rings) => {
      const { one, other, port, peer } = await pair(rings);
      for (let round = 0; round < 10; round++) await other.notify(peer);
      await one.wait(port);
    });
  });

  await test('a wait that is called off leaves the port as it was', async () => {
    await withRings(async (rings) => {
      const { one, other, port, peer } = await pair(rings);
      const controller = new AbortController();
      const again = one.wait(port, { signal: controller.signal });
      await nextTurn();
      controller.abort();
      await rejects(() => again, 'ABORTED');
      await other.notify(peer);
      await one.wait(port);
    });
  });

  await test('a wait ends with its port and with its channels', async () => {
    await withRings(async (rings) => {
      const { one, other, port, peer } = await pair(rings);
      const first = one.wait(port);
      const second = other.wait(peer);
      await Promise.all([
        rejects(() => first, 'HYPERVISOR_UNAVAILABLE'),
        rejects(() => second, 'HYPERVISOR_UNAVAILABLE'),
        one.unbind(port),
        other[Symbol.asyncDispose](),
      ]);
      await rejects(() => one.wait(port), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => other.notify(peer), 'HYPERVISOR_UNAVAILABLE');
      await rejects(
        () => one.wait(port, { signal: AbortSignal.abort() }),
        'HYPERVISOR_BAD_ARGUMENT',
      );
    });
  });

  await test('what does not exist cannot be bound, notified or unbound', async () => {
    await withRings(async (rings) => {
      const channels = await rings.openEventChannels();
      const unknown = evtchn(4000);
      await rejects(() => channels.bindInterdomain(NO_DOMAIN, evtchn(1)), 'HYPERVISOR_NO_DOMAIN');
      await rejects(() => channels.bindInterdomain(DOM0, unknown), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => channels.notify(unknown), 'HYPERVISOR_BAD_ARGUMENT');
      await rejects(() => channels.unbind(unknown), 'HYPERVISOR_BAD_ARGUMENT');
    });
  });

  await test('channels leave no descriptor and no thread behind', async () => {
    const rounds = 10;
    const before = { descriptors: descriptors(), threads: threads() };
    for (let round = 0; round < rounds; round++) {
      await withRings(async (rings) => {
        const { one, port } = await pair(rings);
        one.wait(port).catch(() => undefined);
      });
    }
    assert.equal(descriptors(), before.descriptors);
    // Node starts threads of its own when it likes; ours would be one for each round.
    assert.ok(
      threads() < before.threads + rounds / 2,
      `${threads()} threads, ${before.threads} before`,
    );
  });

  await test('threads that end while they wait and have memory mapped end cleanly', async () => {
    await using hypervisor = openHypervisor();
    await withPvGuest(hypervisor, async ({ domid: guest }) => {
      const before = { descriptors: descriptors(), mapped: mappingCount() };
      for (let round = 0; round < WORKER_COUNT; round++) {
        const worker = new Worker(new URL(import.meta.url), { workerData: guest });
        await new Promise((resolve, reject) => {
          worker.once('message', resolve).once('error', reject);
        });
        await worker.terminate();
      }
      assert.deepEqual({ descriptors: descriptors(), mapped: mappingCount() }, before);
    });
  });
}

/** What a worker does before it is terminated. */
async function holdRings(): Promise<void> {
  // Typed any by Node.
  const workerData: unknown = (await import('node:worker_threads')).workerData;
  const rings = openHypervisor().openRings();
  const { one, port } = await pair(rings);
  const memory = await rings.mapGrants(domid(Number(workerData)), [CONSOLE_GRANT]);
  parentPort?.postMessage(memory.bytes[0]);
  await one.wait(port);
}

if (isMainThread) {
  await memoryTests();
  await eventTests();
} else {
  await holdRings();
}
