import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { Domid } from '@xenops/core/ids';
import { createSimHost, type SimHost, type SimHostOptions } from '../sim-host.ts';
import {
  addDevice,
  buildGuest,
  settle,
  waitForNode,
  writeKernel,
} from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
let host: SimHost;

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function start(options: SimHostOptions = {}, cmdline = ''): Promise<Domid> {
  host = await createSimHost(options);
  const domid = await buildGuest(host, kernelPath, { cmdline });
  await host.hypervisor.unpause(domid);
  return domid;
}

const state = (end: string): Promise<string | undefined> => host.store.find(`${end}/state`);
const is =
  (wanted: string) =>
  (value: string | undefined): boolean =>
    value === wanted;
const reach = (end: string, wanted: string): Promise<void> =>
  waitForNode(host, `${end}/state`, is(wanted));

/** What the hotplug script of the kind leaves. */
async function plug(kind: string, backend: string): Promise<void> {
  if (kind === 'vbd') await host.store.write(`${backend}/physical-device`, '7:0');
  await host.store.write(`${backend}/hotplug-status`, 'connected');
}

describe.each(['vbd', 'vif'])('a %s', (kind) => {
  test('connects after its hotplug script, not before, and goes when it is told to', async () => {
    const domid = await start();
    const { frontend, backend } = await addDevice(host, domid, { kind });
    await reach(backend, '2');
    await reach(frontend, kind === 'vif' ? '4' : '3');
    await settle();
    expect(await state(backend)).toBe('2');
    await plug(kind, backend);
    await reach(backend, '4');
    await reach(frontend, '4');
    await host.store.transaction(async (tree) => {
      await tree.write(`${backend}/online`, '0');
      await tree.write(`${backend}/state`, '5');
    });
    await reach(frontend, '6');
    await reach(backend, '6');
  });
});

test("QEMU's back-ends wait for the device model", async () => {
  const domid = await start();
  const { frontend, backend } = await addDevice(host, domid, { kind: 'vkbd' });
  await reach(frontend, '3');
  expect(await state(backend)).toBe('1');
  await host.store.write(`/local/domain/0/device-model/${domid}/state`, 'running');
  await reach(backend, '4');
  await reach(frontend, '4');
});

test('a device of a guest that ignores it stays where the toolstack put it', async () => {
  const domid = await start({}, 'sim.unplug=ignore');
  const { frontend, backend } = await addDevice(host, domid, { kind: 'vif' });
  await plug('vif', backend);
  await reach(backend, '4');
  await host.store.write(`${backend}/state`, '5');
  await settle();
  expect([await state(frontend), await state(backend)]).toEqual(['4', '5']);
  await host.store.rm(frontend);
  await reach(backend, '6');
});

describe('tempers', () => {
  test('hang-init never comes up, hang-connect never connects', async () => {
    const backends = { vbd: { failure: 'hang-init' }, vif: { failure: 'hang-connect' } } as const;
    const domid = await start({ backends });
    const disk = await addDevice(host, domid, { kind: 'vbd' });
    const nic = await addDevice(host, domid, { kind: 'vif' });
    await plug('vif', nic.backend);
    await reach(nic.backend, '2');
    await settle();
    expect([await state(disk.backend), await state(nic.backend)]).toEqual(['1', '2']);
  });

  test('fail-connect closes, and says why', async () => {
    const backends = { vbd: { failure: 'fail-connect', error: '2 no such disk' } } as const;
    const domid = await start({ backends });
    const { backend } = await addDevice(host, domid, { kind: 'vbd' });
    await plug('vbd', backend);
    await reach(backend, '6');
    const error = `/local/domain/0/error/backend/vbd/${domid}/0/error`;
    expect(await host.store.read(error)).toBe('2 no such disk');
  });

  test('a slow one takes its time on the clock of the host', async () => {
    const clock = new VirtualClock();
    const domid = await start({ clock, backends: { vif: { delayMs: 500 } } });
    const { backend } = await addDevice(host, domid, { kind: 'vif' });
    await settle();
    expect(await state(backend)).toBe('1');
    clock.advance(500);
    await reach(backend, '2');
  });
});

test('nothing of a device remains when the toolstack takes it away at any moment', async () => {
  const domid = await start();
  for (const rounds of [0, 1, 3, 5, 8]) {
    const { frontend, backend } = await addDevice(host, domid, { kind: 'vbd' });
    await settle(rounds);
    await host.store.transaction(async (tree) => {
      await tree.rm(frontend);
      await tree.rm(backend);
    });
    await settle();
    expect(await host.store.find(`${backend}/state`)).toBeUndefined();
    expect(await host.store.find(`${frontend}/state`)).toBeUndefined();
  }
});
