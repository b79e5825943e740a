/**
 * A hundred lives of a guest on real Xen by the toolstack of a resident process: made, started, given a disk and an interface while it runs, relieved of them,
 * destroyed. Some are always under way side by side, as most of a life is waiting. Run by lives.long.lab.ts as `node --test`, with the test guest's kernel,
 * a folder for the disks and a bridge in the environment.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from '@xenops/core/connect';
import {
  attachDevice,
  describeVbd,
  describeVif,
  detachDevice,
  waitConnected,
} from '@xenops/core/devices';
import { findLeftovers, inspectHost } from '@xenops/core/doctor';
import { buildDomain, createDomain, destroyDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid } from '@xenops/core/ids';

const { TESTGUEST, FOLDER, BRIDGE, LIVES } = process.env;
const LANES = [0, 1, 2, 3];
const MEMORY_KIB = 8192;
const DISK_BYTES = 1 << 20;
const DESTROY_TIMEOUT_MS = 60_000;
/**
 * The addon keeps up to four connections to Xen of six descriptors each, as many as calls have met. It is less than one for each life of a hundred.
 */
const KEPT_DESCRIPTORS = 24;
/** Xen's own memory comes and goes by some pages. */
const REMAINS_KIB = 1024;

const run = (...[program = '', ...args]: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' });

const diskOf = (lane: number): string => `${FOLDER ?? ''}/life-${lane}.img`;

/** What can be left: `rest` must be the same after any number of lives. */
interface Remains {
  readonly freeKib: number;
  readonly descriptors: number;
  readonly rest: Readonly<Record<string, unknown>>;
}

async function countAll(host: Host): Promise<Remains> {
  const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  return {
    freeKib: freeMemoryKib + scrubMemoryKib,
    descriptors: readdirSync('/proc/self/fd').length,
    rest: {
      outstandingMemoryKib,
      nodes: run('xenstore-ls', '-f').split('\n').length,
      loops: run('losetup', '--list', '--noheadings'),
      links: readdirSync('/sys/class/net'),
      terminals: readdirSync('/dev/pts').length,
    },
  };
}

/** A life in its lane, which has a disk, a name and an address of its own. */
async function live(host: Host, lane: number): Promise<void> {
  const domid = await createDomain(host, {
    uuid: randomVmUuid(),
    guestType: 'pv',
    name: `life-${lane}`,
    maxVcpus: 1,
  });
  await buildDomain(host, domid, {
    kind: 'pv',
    kernelPath: TESTGUEST ?? '',
    cmdline: 'testguest.quiet',
    memoryKib: MEMORY_KIB,
    vcpus: 1,
  });
  await host.hypervisor.unpause(domid);
  const disk = describeVbd(
    { domid, guestType: 'pv' },
    { vdev: 'xvda', target: diskOf(lane), readOnly: false },
  );
  const network = { kind: 'bridge', bridge: BRIDGE ?? '' } as const;
  const nic = describeVif(domid, { devid: 0, mac: `00:16:3e:00:00:0${lane}`, network });
  for (const device of [disk, nic]) {
    await attachDevice(host, device);
    await waitConnected(host, device.address);
  }
  await detachDevice(host, nic.address, { mode: 'clean' });
  await detachDevice(host, disk.address, { mode: 'clean' });
  await destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS });
}

await test(`${LIVES ?? ''} lives leave nothing, and the doctor finds nothing`, async () => {
  for (const lane of LANES) writeFileSync(diskOf(lane), Buffer.alloc(DISK_BYTES));
  await using host = await connect({ uri: 'xen:' });
  await Promise.all(LANES.map((lane) => live(host, lane)));
  const before = await countAll(host);
  let left = Number(LIVES);
  await Promise.all(
    LANES.map(async (lane) => {
      while (left > 0) {
        left -= 1;
        await live(host, lane);
      }
    }),
  );
  const after = await countAll(host);
  assert.deepEqual(after.rest, before.rest);
  const missingKib = before.freeKib - after.freeKib;
  assert.ok(missingKib <= REMAINS_KIB, `${missingKib} KiB are missing`);
  const opened = after.descriptors - before.descriptors;
  assert.ok(opened <= KEPT_DESCRIPTORS, `${opened} descriptors are left open`);
  assert.deepEqual(findLeftovers(await inspectHost(host)), []);
});
