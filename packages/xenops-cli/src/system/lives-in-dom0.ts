/**
 * A hundred lives of a guest on real Xen, one after the other, by the toolstack of a resident process: made, started, given a disk and an interface while it
 * runs, relieved of them, destroyed. Run by lives.long.lab.ts as `node --test`, with the test guest's kernel, a file for the disk and a bridge in the environment.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
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

const { TESTGUEST, DISK, BRIDGE, LIVES } = process.env;
const MEMORY_KIB = 8192;
const DESTROY_TIMEOUT_MS = 60_000;
/** Xen's own memory comes and goes by some pages. */
const REMAINS_KIB = 1024;

const run = (...[program = '', ...args]: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' });

/** What must be the same after any number of lives. */
async function countAll(host: Host): Promise<Readonly<Record<string, unknown>>> {
  const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  return {
    freeMemory: Math.round((freeMemoryKib + scrubMemoryKib) / REMAINS_KIB / 4),
    outstandingMemoryKib,
    nodes: run('xenstore-ls', '-f').split('\n').length,
    loops: run('losetup', '--list', '--noheadings'),
    links: readdirSync('/sys/class/net'),
    descriptors: readdirSync('/proc/self/fd').length,
    terminals: readdirSync('/dev/pts').length,
  };
}

async function live(host: Host): Promise<void> {
  const domid = await createDomain(host, {
    uuid: randomVmUuid(),
    guestType: 'pv',
    name: 'life',
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
    { vdev: 'xvda', target: DISK ?? '', readOnly: false },
  );
  const network = { kind: 'bridge', bridge: BRIDGE ?? '' } as const;
  const nic = describeVif(domid, { devid: 0, mac: '00:16:3e:00:00:01', network });
  for (const device of [disk, nic]) {
    await attachDevice(host, device);
    await waitConnected(host, device.address);
  }
  await detachDevice(host, nic.address, { mode: 'clean' });
  await detachDevice(host, disk.address, { mode: 'clean' });
  await destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS });
}

await test(`${LIVES ?? ''} lives leave nothing, and the doctor finds nothing`, async () => {
  await using host = await connect({ uri: 'xen:' });
  await live(host);
  const before = await countAll(host);
  for (let life = 0; life < Number(LIVES); life += 1) await live(host);
  assert.deepEqual(await countAll(host), before);
  assert.deepEqual(findLeftovers(await inspectHost(host)), []);
});
