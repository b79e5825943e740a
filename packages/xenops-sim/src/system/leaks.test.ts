/** Whatever step of a domain's life fails: nothing of it stays in xenstore, in Xen, or in Dom0. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  attachDevice,
  describeVbd,
  describeVif,
  detachDevice,
  waitConnected,
  type DeviceDescription,
} from '@xenops/core/devices';
import { deviceModelConfig, startDomainDeviceModel } from '@xenops/core/dm';
import { findLeftovers, inspectHost, repairLeftovers } from '@xenops/core/doctor';
import { destroyDomain, readDomainConfig } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { writeKernel } from '../testing/sim-guest.test-helper.ts';
import { attachAll, countAll, hostOf, makeGuest } from './whole-host.test-helper.ts';

const DISK = '/disks/root.img';
const IMAGE = '/disks/data.qcow2';
const BRIDGE = 'xenbr0';
/** Everything on the host answers at once: a wait that lasts hangs. */
const TIMEOUT_MS = 10_000;
/** `npm test` takes a thousand lives, `npm run test:unit` a sample of them. */
const LIVES = process.env['XENOPS_TEST_ALL'] === '1' ? 1000 : 60;
const TEST_TIMEOUT_MS = 600_000;
/** What fails at least in a sample of lives, and in one for each step. */
const SOME = ['xenstore'];
const ALL = [
  ...SOME,
  ...['createDomain', 'buildDomain', 'unpause', 'destroy'],
  ...['hotplug.attachLoop', 'hotplug.detachLoop', 'hotplug.joinBridge', 'hotplug.leaveBridge'],
  ...['services.startProcess', 'services.signalProcess'],
];

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
let sim: SimHost;
let host: Host;

beforeEach(async () => {
  sim = await createSimHost({ runFolder: path.join(folder, 'run') });
  const { machine } = sim.control;
  machine.disks.set(DISK, { kind: 'file', sizeBytes: 1 << 20 });
  machine.disks.set(IMAGE, { kind: 'file', sizeBytes: 1 << 20 });
  machine.addBridge(BRIDGE);
  host = hostOf(sim);
});
afterEach(async () => {
  await sim[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A guest with a file disk, an image behind a device model, and a NIC; a second NIC comes and goes while it runs. */
async function live(): Promise<void> {
  const domid = await makeGuest(host, kernelPath, { name: 'life' });
  const guest = { domid, guestType: 'pv' } as const;
  const nic = (devid: number): DeviceDescription =>
    describeVif(domid, {
      devid,
      mac: `00:16:3e:00:00:0${devid}`,
      network: { kind: 'bridge', bridge: BRIDGE },
    });
  const disk = describeVbd(guest, { vdev: 'xvda', target: DISK, readOnly: false });
  const image = { vdev: 'xvdb', target: IMAGE, format: 'qcow2', readOnly: true } as const;
  await attachAll(host, [disk, describeVbd(guest, image), nic(1)]);
  const config = deviceModelConfig(domid, await readDomainConfig(host, domid));
  await using _model = await startDomainDeviceModel(host, config);
  await host.hypervisor.unpause(domid);
  await waitConnected(host, disk.address);
  const added = nic(2);
  await attachDevice(host, added);
  await waitConnected(host, added.address);
  await detachDevice(host, added.address, { mode: 'clean' });
  await detachDevice(host, disk.address, { mode: 'clean' });
  await destroyDomain(host, domid, { timeoutMs: TIMEOUT_MS });
}

/** What an administrator does after a failure. */
async function destroyAll(): Promise<void> {
  for (const { domid } of await host.hypervisor.listDomains()) {
    if (domid !== 0) await destroyDomain(host, domid, { timeoutMs: TIMEOUT_MS });
  }
}

const diagnose = async (): Promise<readonly unknown[]> => findLeftovers(await inspectHost(host));

describe('of a guest that is made, given devices and destroyed', () => {
  test(
    'nothing stays when any one of the steps fails',
    async () => {
      const { faults } = sim.control;
      const before = await countAll(sim);
      faults.arm();
      await live();
      const { stepCount } = faults;
      expect(stepCount).toBeGreaterThan(200);
      const failed = new Set<string>();
      for (let life = 0; life < LIVES; life += 1) {
        const step =
          1 + (LIVES < stepCount ? Math.floor((life * stepCount) / LIVES) : life % stepCount);
        faults.arm({ step });
        await live().catch(() => undefined);
        for (const { what } of faults.injected) failed.add(what);
        faults.arm();
        await destroyAll();
        expect({ step, leftovers: await diagnose() }).toEqual({ step, leftovers: [] });
        expect({ step, ...(await countAll(sim)) }).toEqual({ step, ...before });
      }
      expect([...failed]).toEqual(expect.arrayContaining(LIVES < stepCount ? SOME : ALL));
    },
    TEST_TIMEOUT_MS,
  );

  test.each([1, 2, 3, 4, 5])(
    'the doctor finds and releases what stays when undoing fails as well, by the chance of seed %d',
    async (seed) => {
      const { faults } = sim.control;
      const before = await countAll(sim);
      faults.arm({ seed, rate: 0.004 });
      for (let life = 0; life < 20; life += 1) {
        await live().catch(() => undefined);
        await destroyAll().catch(() => undefined);
      }
      expect(faults.injected.length).toBeGreaterThan(5);
      faults.arm();
      await destroyAll().catch(() => undefined);
      const leftovers = findLeftovers(await inspectHost(host));
      await repairLeftovers(host, leftovers);
      expect(await diagnose()).toEqual([]);
      expect(await countAll(sim)).toEqual(before);
    },
    TEST_TIMEOUT_MS,
  );
});
