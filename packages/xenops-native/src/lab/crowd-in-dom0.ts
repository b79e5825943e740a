/**
 * Many guests at once, made by the whole toolstack, up and answering, and gone without a trace. Run by native.lab.ts and
 * native.long.lab.ts as `node --test`, with the test guest's kernel and how many and how often in the environment.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@xenops/core/connect';
import { buildDomain, createDomain, destroyDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { valueAppears, waitFor } from '@xenops/core/xenstore';
import { domainPath } from '@xenops/core/xenstore/path';
import { XEN_FOLDER } from './guest-of-build.ts';

const kernelPath = process.env['TESTGUEST'];
if (kernelPath === undefined) throw new Error('TESTGUEST must name the kernel of the test guest');

const GUEST_COUNT = Number(process.env['CROWD_GUESTS']);
const ROUND_COUNT = Number(process.env['CROWD_ROUNDS']);
if (!(GUEST_COUNT > 0 && ROUND_COUNT > 0)) {
  throw new Error('CROWD_GUESTS and CROWD_ROUNDS must say how many guests, and how often');
}

const MEMORY_KIB = 4096;
/** Guests that are made or destroyed at a time. */
const SIDE_BY_SIDE = 4;
const UP_TIMEOUT_MS = 120_000;
const GONE_TIMEOUT_MS = 60_000;
const LOOK_MS = 100;
/** Xen's own memory comes and goes by some pages. */
const REMAINS_KIB = 1024;

/**
 * The addon keeps up to four threads, and four connections to Xen of six descriptors each, for the next calls. How many it comes to
 * depends on how many calls have met; it is less than one for each guest.
 */
const KEPT_THREADS = 4;
const KEPT_DESCRIPTORS = 24;

const LSEVTCHN = `${XEN_FOLDER}/bin/lsevtchn`;

function lineCount(command: string, ...args: readonly string[]): number {
  return execFileSync(command, args, { encoding: 'utf8' }).split('\n').length - 1;
}

/** What the host and this process have in use. */
interface Usage {
  readonly eventChannels: number;
  readonly descriptors: number;
  readonly threads: number;
}

function usage(): Usage {
  return {
    eventChannels: lineCount(LSEVTCHN, '0'),
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

interface Remains extends Usage {
  readonly domains: number;
  readonly nodes: number;
}

function assertKept(now: Usage, before: Usage): void {
  assert.ok(now.descriptors <= before.descriptors + KEPT_DESCRIPTORS, `${now.descriptors} fds`);
  assert.ok(now.threads <= before.threads + KEPT_THREADS, `${now.threads} threads`);
}

/** With what is only counted when the guests are gone: reading the nodes of a hundred takes minutes. */
async function remains({ hypervisor }: Host): Promise<Remains> {
  const domains = (await hypervisor.listDomains()).length;
  return { ...usage(), domains, nodes: lineCount('xenstore-ls', '-f') };
}

/** As `xl info` counts it, and what is still to be scrubbed. */
async function freeKib({ hypervisor }: Host): Promise<number> {
  const { freeMemoryKib, scrubMemoryKib } = await hypervisor.physInfo();
  return freeMemoryKib + scrubMemoryKib;
}

/** Waits until as much is in use as before: xenconsoled closes its end of a guest in its own time, and tells nobody. */
async function remainsInTheEnd(host: Host, before: Remains): Promise<Remains> {
  const deadline = AbortSignal.timeout(GONE_TIMEOUT_MS);
  for (;;) {
    const now = await remains(host);
    const isAsBefore = now.eventChannels <= before.eventChannels && now.nodes <= before.nodes;
    if (isAsBefore || deadline.aborted) return now;
    await sleep(LOOK_MS);
  }
}

/** Runs `body` with each item, some of them side by side; a failure is thrown when nothing is under way any more. */
async function forEach<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const work = async (): Promise<void> => {
    for (const item of rest) await body(item);
  };
  const outcomes = await Promise.allSettled(Array.from({ length: SIDE_BY_SIDE }, work));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

type Kind = 'pv' | 'pvh';

function create(host: Host, guestType: Kind): Promise<Domid> {
  return createDomain(host, { uuid: randomVmUuid(), guestType, maxVcpus: 1 });
}

async function start(host: Host, domid: Domid, kind: Kind): Promise<void> {
  await buildDomain(host, domid, {
    kind,
    kernelPath: kernelPath ?? '',
    cmdline: '',
    memoryKib: MEMORY_KIB,
    vcpus: 1,
    // The emulated processor does not tell Xen the length of an intercepted RDTSCP.
    tscMode: 'native',
  });
  await host.hypervisor.unpause(domid);
  const isUp = valueAppears(domainPath(domid, 'data/testguest/kind'));
  assert.equal(await waitFor(host.store, isUp, { timeoutMs: UP_TIMEOUT_MS }), kind);
}

/** Starts so many guests of both kinds, waits until all are up, looks at them, and destroys them. */
async function crowd(
  host: Host,
  count: number,
  look: (domids: readonly Domid[]) => Promise<void>,
): Promise<void> {
  const kinds = Array.from({ length: count }, (_, index) => (index % 2 === 0 ? 'pv' : 'pvh'));
  const domids: Domid[] = [];
  try {
    await forEach(kinds, async (kind) => {
      const domid = await create(host, kind);
      domids.push(domid);
      await start(host, domid, kind);
    });
    await look(domids);
  } finally {
    await forEach(domids, (domid) => destroyDomain(host, domid, { timeoutMs: GONE_TIMEOUT_MS }));
  }
}

await test(`${GUEST_COUNT} guests at once, ${ROUND_COUNT} times, leave nothing behind`, async () => {
  await using host = await connect({ uri: 'xen:' });
  // What is made once and kept: threads of Node, connections of the addon, the roots in xenstore.
  await crowd(host, 2 * SIDE_BY_SIDE, async () => undefined);
  const before = await remains(host);
  const freeBefore = await freeKib(host);
  for (let round = 0; round < ROUND_COUNT; round++) {
    await crowd(host, GUEST_COUNT, async (domids) => {
      const listed = await host.hypervisor.listDomains();
      const alive = listed.filter(
        ({ domid, dying, shutdown }) => domids.includes(domid) && !dying && !shutdown,
      );
      assert.equal(alive.length, GUEST_COUNT);
      // Each guest has a channel to xenstored and one to xenconsoled.
      const now = usage();
      assert.ok(now.eventChannels >= before.eventChannels + GUEST_COUNT);
      assertKept(now, before);
    });
    const after = await remainsInTheEnd(host, before);
    assertKept(after, before);
    const { descriptors, threads } = before;
    assert.deepEqual({ ...after, descriptors, threads }, before);
    const missingKib = freeBefore - (await freeKib(host));
    assert.ok(missingKib <= REMAINS_KIB, `${missingKib} KiB are missing after round ${round}`);
  }
});
