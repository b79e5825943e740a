import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { XenopsError } from '@xenops/core/errors';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { buildGuest, settle, writeKernel } from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';
import { seededRandom } from './seeded-random.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('the N-th call of a verb fails, once', async () => {
  const faults = { calls: [{ verb: 'pause', nth: 2, errno: 'ENOMEM' }] } as const;
  await using host = await createSimHost({ faults });
  const domid = await buildGuest(host, kernelPath);
  await host.hypervisor.pause(domid);
  expect(() => host.hypervisor.pause(domid)).toThrow('Injected');
  await host.hypervisor.pause(domid);
  expect(host.control.faults.injected).toMatchObject([{ what: 'pause' }]);
});

test('every step of an operation can fail in turn, and each is seen by who does it', async () => {
  await using host = await createSimHost();
  const { faults } = host.control;
  faults.arm();
  await forget(host, buildGuest(host, kernelPath));
  const { stepCount } = faults;
  expect(stepCount).toBeGreaterThan(15);
  const seen = new Set<string>();
  for (let step = 1; step <= stepCount; step += 1) {
    faults.arm({ step, errno: 'ENOMEM' });
    const failed = await forget(host, buildGuest(host, kernelPath));
    expect({ step, failed }).toEqual({ step, failed: true });
    expect(faults.injected).toMatchObject([{ step }]);
    for (const { what } of faults.injected) seen.add(what);
    faults.arm();
    for (const { domid } of await host.hypervisor.listDomains()) {
      if (domid !== 0) await host.hypervisor.destroy(domid);
    }
  }
  expect([...seen]).toEqual(expect.arrayContaining(['createDomain', 'buildDomain', 'xenstore']));
});

/** Whether it failed, with an error of the toolstack. */
async function forget(host: SimHost, operation: ReturnType<typeof buildGuest>): Promise<boolean> {
  try {
    await host.hypervisor.destroy(await operation);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(XenopsError);
    return true;
  }
}

test('a seed decides where chance strikes', async () => {
  const strikes = async (seed: number): Promise<readonly number[]> => {
    await using host = await createSimHost({ faults: { seed, rate: 0.2 } });
    for (let call = 0; call < 100; call += 1) {
      await Promise.resolve()
        .then(() => host.hypervisor.physInfo())
        .catch(() => undefined);
    }
    return host.control.faults.injected.map(({ step }) => step);
  };
  const first = await strikes(1);
  expect(first.length).toBeGreaterThan(5);
  expect(await strikes(1)).toEqual(first);
  expect(await strikes(2)).not.toEqual(first);
  const random = seededRandom(7);
  expect([random(), random()].every((number) => number >= 0 && number < 1)).toBe(true);
});

test('watches can be late', async () => {
  const clock = new VirtualClock();
  await using host = await createSimHost({ clock });
  const watch = await host.store.watch('/a');
  const events = watch[Symbol.asyncIterator]();
  await events.next();
  host.control.faults.arm({ storeDelayMs: 250 });
  let isHeard = false;
  const heard = events.next().then(() => void (isHeard = true));
  const written = host.store.write('/a', '1');
  clock.advance(249);
  await settle();
  expect(isHeard).toBe(false);
  clock.advance(250);
  await settle();
  clock.advance(250);
  await Promise.all([written, heard]);
  host.control.faults.arm();
  await watch[Symbol.asyncDispose]();
});
