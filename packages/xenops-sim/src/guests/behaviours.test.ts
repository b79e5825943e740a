import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DOM0, evtchn, randomVmUuid, type Domid } from '@xenops/core/ids';
import { createSimHost, type SimHost } from '../sim-host.ts';
import {
  buildGuest,
  makeHome,
  settle,
  waitForNode,
  waitForShutdown,
  writeKernel,
} from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
let host: SimHost;
let clock: VirtualClock;

beforeEach(async () => {
  clock = new VirtualClock();
  host = await createSimHost({
    clock,
    guests: {
      echo: async (machine) => {
        const { refs, bytes } = machine.rings.grantPages(0, 2);
        const port = machine.rings.allocPort(0);
        machine.print(`${refs.join()} ${port}`);
        machine.idle();
        for (;;) {
          await machine.rings.wait(port);
          bytes.copyWithin(4096, 0, 4096);
          machine.rings.notify(port);
        }
      },
    },
  });
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function start(cmdline: string): Promise<Domid> {
  const domid = await buildGuest(host, kernelPath, { cmdline });
  await host.hypervisor.unpause(domid);
  await settle();
  return domid;
}

const memoryOf = async (domid: Domid): Promise<number | undefined> =>
  (await host.hypervisor.findDomain(domid))?.memoryKib;

describe('a balloon', () => {
  test.each([
    ['', 8192],
    ['sim.balloon=half', 8192],
    ['sim.balloon=stuck', 16_384],
  ])('with "%s" goes from 16 MiB towards 4 MiB as far as %d KiB', async (cmdline, reached) => {
    const domid = await start(cmdline);
    await host.store.write(`/local/domain/${domid}/memory/target`, '8192');
    await settle();
    expect(await memoryOf(domid)).toBe(reached);
  });

  test('gives back and takes again, and the host has the difference', async () => {
    const domid = await start('');
    const { freeMemoryKib } = await host.hypervisor.physInfo();
    const target = `/local/domain/${domid}/memory/target`;
    await host.store.write(target, '4096');
    await settle();
    expect((await host.hypervisor.physInfo()).freeMemoryKib).toBe(freeMemoryKib + 12_288);
    await host.store.write(target, '65536');
    await settle();
    // The limit is what it was built with, and the toolstack's slack.
    expect(await memoryOf(domid)).toBe(17_408);
  });

  test('that is slow moves a MiB in a tenth of a second', async () => {
    const domid = await start('sim.balloon=slow');
    await host.store.write(`/local/domain/${domid}/memory/target`, '8192');
    await settle();
    clock.advance(100);
    await settle();
    expect(await memoryOf(domid)).toBe(15_360);
    for (let step = 0; step < 10; step += 1) {
      clock.advance(100);
      await settle();
    }
    expect(await memoryOf(domid)).toBe(8192);
  });
});

describe('a suspension', () => {
  const control = (domid: Domid): string => `/local/domain/${domid}/control/shutdown`;

  test.each([true, false])(
    'is resumed (cooperative: %s) and can come again',
    async (cooperative) => {
      const domid = await start('');
      for (let round = 0; round < 2; round += 1) {
        await host.store.write(control(domid), 'suspend');
        expect(await waitForShutdown(host, domid)).toBe('suspend');
        await host.hypervisor.resume(domid, { cooperative });
        await host.store.resume(domid);
        await settle();
      }
      const word = cooperative ? 'cancelled' : 'resumed';
      expect(host.control.consoleText(domid).split(word)).toHaveLength(3);
      await host.store.write(control(domid), 'poweroff');
      expect(await waitForShutdown(host, domid)).toBe('poweroff');
    },
  );

  test('is refused, ignored, or a crash, as the guest likes', async () => {
    const ignoring = await start('sim.suspend=ignore');
    await host.store.write(control(ignoring), 'suspend');
    await settle();
    expect(await host.store.read(control(ignoring))).toBe('suspend');
    const crashing = await start('sim.suspend=crash');
    await host.store.write(control(crashing), 'suspend');
    expect(await waitForShutdown(host, crashing)).toBe('crash');
  });

  test('goes through a file into another domain, which obeys there', async () => {
    const { hypervisor, store } = host;
    const domid = await start('quiet');
    const file = path.join(folder, 'image');
    const out = await open(file, 'w');
    await hypervisor.saveDomain(domid, {
      fd: out.fd,
      live: true,
      suspend: async () => {
        await store.write(control(domid), 'suspend');
        await waitForShutdown(host, domid);
      },
    });
    await out.close();
    await hypervisor.destroy(domid);
    const restored = await restoreFrom(file);
    await hypervisor.unpause(restored);
    await settle();
    expect(await hypervisor.findDomain(restored)).toMatchObject({
      blocked: true,
      memoryKib: 16_384,
    });
    expect(await hypervisor.tscInfo(restored)).toMatchObject({ incarnation: 2 });
    await store.write(control(restored), 'reboot');
    expect(await waitForShutdown(host, restored)).toBe('reboot');
    expect(host.control.consoleText(restored)).not.toContain('Linux version');
  });

  test('whose file has one bit changed anywhere restores nothing', async () => {
    const domid = await start('');
    const file = path.join(folder, 'bits');
    const out = await open(file, 'w');
    const suspend = async (): Promise<void> => host.hypervisor.shutdown(domid, 'suspend');
    await host.hypervisor.saveDomain(domid, { fd: out.fd, suspend });
    await out.close();
    const image = await readFile(file);
    for (let at = 0; at < image.length; at += 17) {
      const spoiled = Buffer.from(image);
      spoiled.writeUInt8(spoiled.readUInt8(at) ^ 4, at);
      await writeFile(file, spoiled);
      await expect(restoreFrom(file)).rejects.toMatchObject({ code: 'HYPERVISOR_BAD_ARGUMENT' });
    }
  });
});

/** A domain like the first, filled from the file. */
async function restoreFrom(file: string): Promise<Domid> {
  const { hypervisor, store } = host;
  const spec = { uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 2 } as const;
  const domid = await hypervisor.createDomain(spec);
  await hypervisor.setMaxMemory(domid, 17_408);
  await makeHome(host, domid);
  const handle = await open(file, 'r');
  try {
    const { storeFrame } = await hypervisor.restoreDomain(domid, {
      fd: handle.fd,
      guestType: 'pv',
      memoryKib: 16_384,
      storeEvtchn: evtchn(1),
      storeDomid: DOM0,
      consoleEvtchn: evtchn(2),
      consoleDomid: DOM0,
    });
    await store.introduce(domid, storeFrame, evtchn(1));
    return domid;
  } finally {
    await handle.close();
  }
}

test('a life that ends by itself ends in its time', async () => {
  const domid = await start('sim.end=watchdog sim.life=5000');
  clock.advance(4999);
  await settle();
  expect(await host.hypervisor.findDomain(domid)).toMatchObject({ shutdown: false });
  clock.advance(1);
  expect(await waitForShutdown(host, domid)).toBe('watchdog');
});

test('a power button powers off', async () => {
  const domid = await buildGuest(host, kernelPath, { guestType: 'pvh' });
  await host.hypervisor.unpause(domid);
  await settle();
  await host.hypervisor.sendTrigger(domid, 'power');
  expect(await waitForShutdown(host, domid)).toBe('poweroff');
});

test('what a guest must not write it does not write', async () => {
  const domid = await start('sim.write=foreign');
  const text = (): string => host.control.consoleText(domid);
  await waitForNode(
    host,
    `/local/domain/${domid}/control/feature-suspend`,
    (value) => value === '1',
  );
  for (let round = 0; round < 200 && !text().includes('data/flood'); round += 1) await settle();
  expect(text()).toContain('/local/domain/0/name: XENSTORE_ACCESS');
  expect(text()).not.toContain('simulated guest: wrote /');
  expect(await host.store.read('/local/domain/0/name')).toBe('Domain-0');
});

test('pages and ports of a script are shared with the host, byte for byte', async () => {
  const domid = await start('sim.guest=echo');
  const [refText = '', portText] = host.control.consoleText(domid).split(' ');
  await using rings = await host.hypervisor.openRings();
  const refs = refText.split(',').map(Number);
  using memory = await rings.mapGrants(domid, refs, { writable: true });
  expect(memory.bytes).toHaveLength(8192);
  const channels = await rings.openEventChannels();
  const port = await channels.bindInterdomain(domid, evtchn(Number(portText)));
  await channels.wait(port);
  memory.bytes.set(Buffer.from('hello'));
  await channels.notify(port);
  await channels.wait(port);
  expect(Buffer.from(memory.bytes.subarray(4096, 4101)).toString()).toBe('hello');
});
