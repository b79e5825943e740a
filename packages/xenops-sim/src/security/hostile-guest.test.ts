/** What a guest does with the nodes that it can reach decides nothing for the host, and nothing for other guests. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  attachDevice,
  describeConsole,
  describeP9fs,
  describeVbd,
  describeVfb,
  describeVif,
  describeVkb,
  describeVtpm,
  detachDevice,
  waitConnected,
  type DeviceDescription,
} from '@xenops/core/devices';
import { destroyDomain, listDevices } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { DOM0, randomVmUuid, type Domid } from '@xenops/core/ids';
import { listTree, ownedBy, type XenStore } from '@xenops/core/xenstore';
import { createSimHost, type SimHost } from '../sim-host.ts';
import {
  attachAll,
  countAll,
  hostOf,
  makeGuest,
  passTime,
} from '../system/whole-host.test-helper.ts';
import { settle, writeKernel } from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';

const DISK = '/disks/root.img';
const DENIED = expect.stringMatching(/^XENSTORE_(ACCESS|NO_ENTRY)$/);

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
let clock: VirtualClock;
let sim: SimHost;
let host: Host;

beforeEach(async () => {
  clock = new VirtualClock();
  sim = await createSimHost({ clock, runFolder: path.join(folder, 'run') });
  sim.control.machine.disks.set(DISK, { kind: 'file', sizeBytes: 1 << 20 });
  sim.control.machine.addBridge('xenbr0');
  host = hostOf(sim);
});
afterEach(async () => {
  await sim[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const diskOf = (domid: Domid): DeviceDescription =>
  describeVbd({ domid, guestType: 'pv' }, { vdev: 'xvda', target: DISK, readOnly: false });
const nicOf = (domid: Domid, devid = 0): DeviceDescription =>
  describeVif(domid, {
    devid,
    mac: '00:16:3e:00:00:01',
    mtu: 9000,
    network: { kind: 'bridge', bridge: 'xenbr0' },
  });

/** One of every kind that needs nobody else. */
const oneOfEach = (domid: Domid): readonly DeviceDescription[] => [
  diskOf(domid),
  nicOf(domid),
  describeVkb(domid, { devid: 0 }),
  describeVfb(domid, { devid: 0 }),
  describeConsole(domid, { devid: 1, server: 'xenconsoled', output: 'pty' }),
  describeP9fs(domid, { devid: 0, tag: 'share', folder: '/srv' }),
  describeVtpm(domid, { devid: 0, backendDomid: DOM0, uuid: randomVmUuid() }),
];

/** What came of a request: its error's code. */
async function outcome(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return 'done';
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}

async function destroy(domid: Domid): Promise<void> {
  await passTime(clock, destroyDomain(host, domid, { timeoutMs: 60_000, clock }));
}

/** A guest with one device of each kind, and its xenstore in the test's hands. */
async function hostileGuest(): Promise<{ readonly domid: Domid; readonly guest: XenStore }> {
  const domid = await makeGuest(host, kernelPath, { cmdline: 'sim.connect=none' });
  await attachAll(host, oneOfEach(domid));
  return { domid, guest: sim.control.openGuestStore(domid) };
}

describe('a guest', () => {
  test("can change, re-own or replace none of the host's nodes, of any kind of device", async () => {
    const { domid, guest } = await hostileGuest();
    await using _guest = guest;
    const before = await listTree(host.store, '/');
    const own = new Set<string>();
    for (const node of before.keys()) {
      const { owner } = await host.store.getPermissions(node);
      if (owner === domid) own.add(node);
    }
    for (const node of before.keys()) {
      if (own.has(node)) continue;
      const found = [
        await outcome(guest.write(node, 'forged')),
        await outcome(guest.setPermissions(node, ownedBy(domid))),
        await outcome(guest.rm(node)),
        await outcome(guest.write(`${node}/forged`, 'forged')),
      ];
      // A removal of what one may not even see is silently nothing.
      expect({ node, found }).toEqual({
        node,
        found: [DENIED, DENIED, expect.stringMatching(/^(done|XENSTORE_ACCESS)$/), DENIED],
      });
    }
    expect(await listTree(host.store, '/')).toEqual(before);
    // What it owns steers nobody but itself.
    const inside = [...own].map((node) => node.slice(`/local/domain/${domid}/`.length));
    expect(
      inside.filter(
        (node) =>
          !/^(device\/|control\/|data|drivers|feature|attr|error|console\/backend-id)/.test(node),
      ),
    ).toEqual([]);
  });

  test.each([
    ['console/tty', '/dev/mem'],
    ['console/output', 'file:/etc/shadow'],
    ['console/limit', '0'],
    ['console/type', 'ioemu'],
    ['console/ring-ref', '1'],
    ['console/port', '1'],
    ['device/console/1/tty', '/dev/mem'],
    ['device/console/1/output', 'file:/etc/shadow'],
    ['device/vif/0/mtu', '68'],
  ])('cannot write %s, nor remove it and make it anew', async (node, value) => {
    const { domid, guest } = await hostileGuest();
    await using _guest = guest;
    const whole = `/local/domain/${domid}/${node}`;
    const before = await host.store.find(whole);
    expect(await outcome(guest.write(node, value))).toBe('XENSTORE_ACCESS');
    await outcome(guest.rm(node));
    await outcome(guest.write(node, value));
    expect(await host.store.find(whole)).toBe(before);
  });

  const pointers: readonly (readonly [string, (other: Domid) => string])[] = [
    ['the device of another guest', (other) => `/local/domain/0/backend/vbd/${other}/51712`],
    ['the root', () => '/'],
    ['a path upwards', () => '../../..'],
    ['3 KiB of text', () => 'x'.repeat(1900)],
    ['nothing', () => ''],
  ];
  test.each(pointers)(
    'that points its front-ends at %s loses its own devices and no others',
    async (_what, pointer) => {
      const other = await makeGuest(host, kernelPath, {
        name: 'other',
        cmdline: 'sim.connect=none',
      });
      await attachAll(host, [diskOf(other), nicOf(other)]);
      const before = await countAll(sim);
      const { domid, guest } = await hostileGuest();
      for (const { address } of oneOfEach(domid)) {
        const front = `device/${address.kind}/${address.devid}`;
        await outcome(guest.write(`${front}/backend`, pointer(other)));
        await outcome(guest.write(`${front}/backend-id`, '32000'));
        await outcome(guest.write(`${front}/state`, '6'));
      }
      expect((await listDevices(host, domid)).map(({ kind, devid }) => `${kind} ${devid}`)).toEqual(
        expect.arrayContaining(
          oneOfEach(domid).map(({ address }) => `${address.kind} ${address.devid}`),
        ),
      );
      await detachDevice(host, nicOf(domid).address, { mode: 'force' });
      await guest[Symbol.asyncDispose]();
      await destroy(domid);
      expect(await countAll(sim)).toEqual(before);
    },
  );

  test('that removes its front-ends hides nothing and keeps nothing', async () => {
    const before = await countAll(sim);
    const { domid, guest } = await hostileGuest();
    for (const { address } of oneOfEach(domid)) {
      await outcome(guest.rm(`device/${address.kind}/${address.devid}`));
    }
    expect(await listDevices(host, domid)).toHaveLength(oneOfEach(domid).length + 1);
    await guest[Symbol.asyncDispose]();
    await destroy(domid);
    expect(await countAll(sim)).toEqual(before);
  });

  test.each(['', '9', '-1', '4x', '4 ', '0x4', ' 4', '١', 'y'.repeat(1900)])(
    'whose state is %j is in an unknown one, and is taken away by force',
    async (state) => {
      const before = await countAll(sim);
      const { domid, guest } = await hostileGuest();
      await guest.write('device/vif/0/state', state);
      const nic = (await listDevices(host, domid)).find(({ kind }) => kind === 'vif');
      expect(nic?.frontendState).toBe('unknown');
      await detachDevice(host, nicOf(domid).address, { mode: 'force' });
      await guest[Symbol.asyncDispose]();
      await destroy(domid);
      expect(await countAll(sim)).toEqual(before);
    },
  );

  test('that refuses with control characters in its reason is quoted on one printable line', async () => {
    const domid = await makeGuest(host, kernelPath, { cmdline: 'sim.unplug=ignore' });
    await attachDevice(host, nicOf(domid));
    await host.hypervisor.unpause(domid);
    await waitConnected(host, nicOf(domid).address);
    await using guest = sim.control.openGuestStore(domid);
    const removal = detachDevice(host, nicOf(domid).address, { mode: 'clean' });
    await guest.write('error/device/vif/0/error', '\u001b[2J\r\n\u202eno\u0000');
    const error = await removal.then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({ code: 'DEVICE_REFUSED' });
    expect(error?.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    await destroy(domid);
  });

  test('that rewrites its nodes in a loop is destroyed all the same, and others are served meanwhile', async () => {
    const before = await countAll(sim);
    const { domid, guest } = await hostileGuest();
    const over = new AbortController();
    const flood = (async (): Promise<void> => {
      for (let round = 0; !over.signal.aborted; round += 1) {
        await outcome(guest.write('device/vif/0/state', String(round % 10)));
        await outcome(guest.write('data/flood', String(round)));
        // A guest has a processor of its own; here it must let others run.
        await settle(1);
      }
    })();
    const other = await makeGuest(host, kernelPath, { name: 'other' });
    await attachDevice(host, nicOf(other));
    await host.hypervisor.unpause(other);
    await waitConnected(host, nicOf(other).address);
    await destroy(domid);
    over.abort();
    await flood;
    await guest[Symbol.asyncDispose]();
    await destroy(other);
    expect(await countAll(sim)).toEqual(before);
  });
});

test('a guest that never lets go is asked for ten seconds, then told of; by force it goes', async () => {
  const domid = await makeGuest(host, kernelPath, { cmdline: 'sim.unplug=ignore' });
  const nic = nicOf(domid);
  await attachDevice(host, nic);
  await host.hypervisor.unpause(domid);
  await waitConnected(host, nic.address);
  const startMs = clock.nowMs();
  const asked = detachDevice(host, nic.address, { mode: 'clean' });
  await expect(passTime(clock, asked)).rejects.toMatchObject({ code: 'DEVICE_REFUSED' });
  expect(clock.nowMs() - startMs).toBe(10_000);
  await detachDevice(host, nic.address, { mode: 'force' });
  expect(await host.store.find(`/libxl/${domid}/device/vif/0/backend`)).toBeUndefined();
});
