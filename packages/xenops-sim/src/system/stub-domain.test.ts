/** A device model in a domain of its own; the test plays the qemu in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { startStubDomain } from '@xenops/core/dm';
import { buildDomain, createDomain, destroyDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { writeKernel } from '../testing/sim-guest.test-helper.ts';
import { countAll, hostOf, makeGuest } from './whole-host.test-helper.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
const STUB = { kernelPath, cmdline: 'sim.guest=qemu', memoryKib: 16_384 };
let sim: SimHost;
let host: Host;
let isServing = true;

beforeEach(async () => {
  isServing = true;
  sim = await createSimHost({
    runFolder: path.join(folder, 'run'),
    guests: {
      qemu: async (machine) => {
        await machine.runnable();
        await using store = await machine.openStore();
        const target = await store.read('target');
        // By its target's rights.
        const name = await store.read(`/local/domain/${target}/name`);
        machine.print(`serving ${name}`);
        if (isServing) await store.write(`device-model/${target}/state`, 'running');
        await machine.sleep(600_000);
      },
    },
  });
  host = hostOf(sim);
});
afterEach(async () => {
  await sim[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function makeHvm(): Promise<Domid> {
  const uuid = randomVmUuid();
  const domid = await createDomain(host, { uuid, guestType: 'hvm', name: 'web', maxVcpus: 1 });
  await buildDomain(host, domid, {
    kind: 'hvm',
    memoryKib: 32_768,
    vcpus: 1,
    loaderPath: kernelPath,
    firmwarePath: kernelPath,
  });
  return domid;
}

test('a stub domain serves its guest with its rights, and goes with it', async () => {
  const before = await countAll(sim);
  const target = await makeHvm();
  const stub = await startStubDomain(host, target, STUB);
  expect(await host.store.read(`/local/domain/${stub}/name`)).toBe('web-dm');
  expect(await host.store.read(`/local/domain/${target}/image/device-model-domid`)).toBe(
    String(stub),
  );
  expect(sim.control.consoleText(stub)).toContain('serving web');
  const outputs = await Promise.all(
    ['console', 'device/console/1', 'device/console/2', 'device/console/3'].map((console) =>
      host.store.read(`/local/domain/${stub}/${console}/output`),
    ),
  );
  expect(outputs).toEqual([
    'file:/var/log/xen/qemu-dm-web.log',
    `file:${folder}/run/qemu-save.${target}`,
    'null',
    'pty',
  ]);
  await destroyDomain(host, target, { timeoutMs: 10_000 });
  expect(await countAll(sim)).toEqual(before);
});

test('a guest that goes by itself when its stub domain has gone is destroyed all the same', async () => {
  const before = await countAll(sim);
  const target = await makeHvm();
  const stub = await startStubDomain(host, target, STUB);
  const { hypervisor } = host;
  const ending: Host = {
    ...host,
    hypervisor: {
      ...hypervisor,
      destroy: async (domid, options) => {
        await hypervisor.destroy(domid, options);
        if (domid === stub) await hypervisor.destroy(target);
      },
    },
  };
  await destroyDomain(ending, target, { timeoutMs: 10_000 });
  expect(await countAll(sim)).toEqual(before);
});

test('one that never serves is gone again, and its guest as it was', async () => {
  isServing = false;
  const target = await makeHvm();
  const before = await countAll(sim);
  await expect(startStubDomain(host, target, STUB, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'TIMEOUT',
  });
  expect(await countAll(sim)).toEqual(before);
});

test('a PV guest has none', async () => {
  const domid = await makeGuest(host, kernelPath);
  await expect(startStubDomain(host, domid, STUB)).rejects.toMatchObject({
    code: 'DOMAIN_WRONG_STATE',
  });
});
