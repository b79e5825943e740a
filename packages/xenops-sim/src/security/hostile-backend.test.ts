/** A back-end in another domain says when its part is done and nothing else: never which device is touched, nor for how long the toolstack waits. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { attachDevice, describeVif, type DeviceDescription } from '@xenops/core/devices';
import { findLeftovers, inspectHost } from '@xenops/core/doctor';
import { destroyDomain, listDevices } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import type { Domid } from '@xenops/core/ids';
import { ownedBy, type XenStore } from '@xenops/core/xenstore';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { countAll, hostOf, makeGuest, passTime } from '../system/whole-host.test-helper.ts';
import { settle, writeKernel } from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';

const DESTROY = { timeoutMs: 120_000 };

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
let clock: VirtualClock;
let sim: SimHost;
let host: Host;
/** The driver domain, and its xenstore in the test's hands. */
let driver: Domid;
let backend: XenStore;

beforeEach(async () => {
  clock = new VirtualClock();
  sim = await createSimHost({ clock, runFolder: path.join(folder, 'run') });
  host = hostOf(sim);
  driver = await makeGuest(host, kernelPath, { name: 'driver' });
  backend = sim.control.openGuestStore(driver);
});
afterEach(async () => {
  await backend[Symbol.asyncDispose]();
  await sim[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const nicOf = (domid: Domid): DeviceDescription =>
  describeVif(domid, {
    devid: 0,
    mac: '00:16:3e:00:00:01',
    network: { kind: 'bridge', bridge: 'xenbr0' },
    backendDomid: driver,
  });
const nodesOf = (domid: Domid): string => `/local/domain/${driver}/backend/vif/${domid}/0`;

/** The interface of a guest, served by the driver domain as a good one does. */
async function attachServed(domid: Domid): Promise<void> {
  const attached = attachDevice(host, nicOf(domid));
  await settle();
  await backend.write(`${nodesOf(domid)}/state`, '2');
  await backend.write(`${nodesOf(domid)}/hotplug-status`, 'connected');
  await attached;
}

test('each of its interfaces tells a guest whose back-end is not Dom0 not to trust it when it is so configured', async () => {
  const domid = await makeGuest(host, kernelPath);
  const described = describeVif(domid, {
    devid: 0,
    mac: '00:16:3e:00:00:01',
    network: { kind: 'bridge', bridge: 'xenbr0' },
    backendDomid: driver,
    trusted: false,
  });
  const attached = attachDevice(host, described);
  await settle();
  await backend.write(`${nodesOf(domid)}/state`, '2');
  await backend.write(`${nodesOf(domid)}/hotplug-status`, 'connected');
  await attached;
  expect(await host.store.read(`/local/domain/${domid}/device/vif/0/trusted`)).toBe('0');
});

describe('a back-end', () => {
  test('that never answers keeps nobody: the attachment ends and leaves nothing', async () => {
    const domid = await makeGuest(host, kernelPath);
    const before = await countAll(sim);
    const attached = attachDevice(host, nicOf(domid));
    const startMs = clock.nowMs();
    await expect(passTime(clock, attached)).rejects.toMatchObject({ code: 'TIMEOUT' });
    // Ten seconds for the back-end to come, and as many for it to go.
    expect(clock.nowMs() - startMs).toBeLessThanOrEqual(21_000);
    expect(await countAll(sim)).toEqual(before);
  });

  test('that never connects its network, neither', async () => {
    const domid = await makeGuest(host, kernelPath);
    const before = await countAll(sim);
    const attached = attachDevice(host, nicOf(domid));
    await settle();
    await backend.write(`${nodesOf(domid)}/state`, '2');
    await expect(passTime(clock, attached)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(await countAll(sim)).toEqual(before);
  });

  test.each(['', '9', '-2', '2x', 'z'.repeat(1500)])(
    'whose state is %j has not answered',
    async (state) => {
      const domid = await makeGuest(host, kernelPath);
      const attached = attachDevice(host, nicOf(domid));
      await settle();
      await backend.write(`${nodesOf(domid)}/state`, state);
      await expect(passTime(clock, attached)).rejects.toMatchObject({
        code: expect.stringMatching(/TIMEOUT|FAILED/),
      });
    },
  );

  test('that says why it fails is quoted without control characters, and cut', async () => {
    const domid = await makeGuest(host, kernelPath);
    const attached = attachDevice(host, nicOf(domid));
    await settle();
    await backend.write(`${nodesOf(domid)}/state`, '2');
    await backend.write(`${nodesOf(domid)}/hotplug-error`, `\u001b[2J\r\n${'a'.repeat(1500)}`);
    await backend.write(`${nodesOf(domid)}/hotplug-status`, 'error');
    const error = await passTime(clock, attached).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({ code: 'HOTPLUG_FAILED' });
    expect(error?.message).toMatch(/^[\x20-\x7e\ufffd]{1,500}$/);
  });

  const lies: Readonly<Record<string, (domid: Domid, other: Domid) => Promise<void>>> = {
    'removes its nodes': async (domid) => backend.rm(nodesOf(domid)),
    'names the device of another guest as its own front-end': async (domid, other) => {
      await backend.write(`${nodesOf(domid)}/frontend`, `/local/domain/${other}/device/vif/0`);
      await backend.write(`${nodesOf(domid)}/frontend-id`, String(other));
    },
    'says that it is already closed': async (domid) =>
      backend.write(`${nodesOf(domid)}/state`, '6'),
    'is not online': async (domid) => backend.write(`${nodesOf(domid)}/online`, '0'),
    'takes its nodes from the reader': async (domid) =>
      backend.setPermissions(nodesOf(domid), ownedBy(driver)),
    'changes the script that serves it': async (domid) =>
      backend.write(`${nodesOf(domid)}/script`, '/etc/passwd'),
    'changes its state ten thousand times': async (domid) => {
      for (let round = 0; round < 10_000; round += 1) {
        await backend.write(`${nodesOf(domid)}/state`, String(4 + (round % 2)));
      }
    },
  };
  test.each(Object.keys(lies))(
    'that %s: its guest is listed and destroyed, and no other guest loses anything',
    async (lie) => {
      const other = await makeGuest(host, kernelPath, { name: 'other' });
      await attachServed(other);
      const before = await countAll(sim);
      const domid = await makeGuest(host, kernelPath);
      await attachServed(domid);
      await lies[lie]?.(domid, other);
      expect((await listDevices(host, domid)).map(({ kind }) => kind)).toEqual(['console', 'vif']);
      await passTime(clock, destroyDomain(host, domid, { ...DESTROY, clock }));
      expect(await countAll(sim)).toEqual(before);
      expect(findLeftovers(await inspectHost(host))).toEqual([]);
    },
  );

  test('whose domain dies is no obstacle to the end of its guests', async () => {
    const domid = await makeGuest(host, kernelPath);
    await attachServed(domid);
    await passTime(clock, destroyDomain(host, driver, { ...DESTROY, clock }));
    await passTime(clock, destroyDomain(host, domid, { ...DESTROY, clock }));
    expect(findLeftovers(await inspectHost(host))).toEqual([]);
    expect(await host.store.directory('/local/domain')).toEqual(['0']);
  });
});
