import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { CallRecorder } from './call-recorder.test-helper.ts';
import { recordCalls } from './call-recorder.test-helper.ts';
import { PciKernel } from './pci-kernel.test-helper.ts';
import { startSim, treeOf, type Sim } from '../sim.test-helper.ts';

const CARD = '0000:03:00.0,0000:03:00.1';

interface PciSim extends Sim {
  readonly kernel: PciKernel;
  readonly calls: CallRecorder;
}

/** A host with an IOMMU, a PV domain 1 that may have devices, and the card kept for guests. */
async function withCard(): Promise<PciSim> {
  const kernel = new PciKernel();
  const calls = recordCalls();
  const pci = [...kernel.drivers.keys()].map((address, index) => ({
    address,
    group: index < 2 ? 1 : 2,
  }));
  const started = await startSim({ hasIommu: true, pci }, { pci: kernel });
  const host = calls.watch(started.host);
  const sim: Sim = {
    ...started,
    host,
    exec: (...words) => started.execOn(host, ...words),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
  expect(await sim.exec('create_domain', '--passthrough')).toMatchObject({ status: 0, out: '1\n' });
  expect(await sim.exec('bind_pci', '-pci', CARD)).toMatchObject({ status: 0, err: '' });
  kernel.log.length = 0;
  calls.log.length = 0;
  return { ...sim, kernel, calls };
}

describe('keeping devices for guests', () => {
  test('takes them from their driver and remembers it; giving them back undoes it', async () => {
    await using sim = await withCard();
    const { kernel } = sim;
    expect([...kernel.drivers.values()]).toEqual(['pciback', 'pciback', 'ahci']);
    expect(await sim.host.store.read('/libxl/pci/0000-03-00-0/driver_path')).toBe(
      '/sys/bus/pci/drivers/e1000e',
    );
    const listed = await sim.exec('pci-list', '--json', '--kept');
    expect(JSON.parse(listed.out)).toMatchObject([
      { address: '0000:03:00.0', state: 'kept', domid: null },
      { address: '0000:03:00.1', state: 'kept' },
    ]);
    expect(await sim.exec('pci-unbind', '-pci', CARD)).toMatchObject({ status: 0, err: '' });
    expect([...kernel.drivers.values()]).toEqual(['e1000e', 'e1000e', 'ahci']);
    expect([...kernel.slots]).toEqual([]);
    expect(await sim.host.store.find('/libxl/pci')).toBeUndefined();
    // Never back to Dom0 before it was reset (XSA-302).
    expect(kernel.log.slice(0, 2)).toEqual([
      'devices/0000:03:00.0/reset 1',
      'drivers/pciback/unbind 0000:03:00.0',
    ]);
  });

  test('that fails leaves the device with its driver', async () => {
    await using sim = await withCard();
    sim.kernel.broken.add('drivers/pciback/bind');
    const { status, err } = await sim.exec('bind_pci', '-pci', '0000:04:00.0');
    expect(status).toBe(1);
    expect(err).toContain('drivers/pciback/bind');
    expect(sim.kernel.drivers.get('0000:04:00.0')).toBe('ahci');
    expect(sim.kernel.slots.has('0000:04:00.0')).toBe(false);
    expect(await sim.host.store.find('/libxl/pci/0000-04-00-0')).toBeUndefined();
  });
});

describe('giving devices to a domain', () => {
  test('resets and assigns each before its registers are granted, and tells pciback', async () => {
    await using sim = await withCard();
    expect(await sim.exec('add_pci', '-domid', '1', '-pci', CARD)).toEqual({
      status: 0,
      out: `pci: ${CARD}\n`,
      err: '',
    });
    expect(sim.calls.log.slice(0, 4)).toEqual([
      'assignPci 1 0000:03:00.0',
      'setIomemPermission 1 true',
      'mapPirq 1',
      'setIrqPermission 1 true',
    ]);
    const bus = await treeOf(sim.host, '/local/domain/0/backend/pci/1/0');
    expect(bus).toMatchObject({
      '/local/domain/0/backend/pci/1/0/num_devs': '2',
      '/local/domain/0/backend/pci/1/0/dev-0': '0000:03:00.0',
      '/local/domain/0/backend/pci/1/0/dev-1': '0000:03:00.1',
    });
    expect(await sim.host.store.read('/libxl/pci/0000-03-00-0/domid')).toBe('1');
  });

  test.each([
    ['is only part of a slot', '0000:03:00.0', 'together with 0000:03:00.1'],
    ['is not kept', '0000:04:00.0', 'not kept for guests'],
    ['is not there', '0000:09:00.0', 'no PCI device 0000:09:00.0'],
    ['is named twice', '0000:03:00.0,03:00.0', 'not valid'],
  ])('is refused when it %s, and nothing is touched', async (_, pci, why) => {
    await using sim = await withCard();
    const before = await treeOf(sim.host);
    const { status, err } = await sim.exec('add_pci', '-domid', '1', '-pci', pci);
    expect(status).not.toBe(0);
    expect(err).toContain(why);
    expect(await treeOf(sim.host)).toEqual(before);
    expect([sim.kernel.log, sim.calls.log]).toEqual([[], []]);
  });

  test('that fails at any of its calls leaves the host as it was', async () => {
    await using sim = await withCard();
    const before = await treeOf(sim.host);
    for (const verb of ['assignPci', 'setIomemPermission', 'mapPirq', 'setIrqPermission']) {
      for (const nth of [1, 2]) {
        sim.calls.log.length = 0;
        sim.calls.failAt(verb, nth);
        const { status } = await sim.exec('add_pci', '-domid', '1', '-pci', CARD);
        expect({ verb, nth, status }).toEqual({ verb, nth, status: 1 });
        expect(await treeOf(sim.host)).toEqual(before);
        const count = (start: string) =>
          sim.calls.log.filter((line) => line.startsWith(start)).length;
        expect(count('setIomemPermission 1 true')).toBe(count('setIomemPermission 1 false'));
        expect(count('mapPirq')).toBe(count('unmapPirq'));
      }
    }
    expect(await sim.exec('add_pci', '-domid', '1', '-pci', CARD)).toMatchObject({ status: 0 });
  });

  test('twice is refused', async () => {
    await using sim = await withCard();
    await sim.exec('add_pci', '-domid', '1', '-pci', CARD);
    const { status, err } = await sim.exec('add_pci', '-domid', '1', '-pci', CARD);
    expect(status).toBe(1);
    expect(err).toContain('Domain 1 has the PCI device 0000:03:00.0 already');
    const unbound = await sim.exec('pci-unbind', '-pci', '0000:03:00.0');
    expect(unbound.err).toContain('Domain 1 has the PCI device');
  });
});

describe('taking devices away', () => {
  test('revokes exactly what was granted, quarantines and resets, and forgets', async () => {
    await using sim = await withCard();
    const before = await treeOf(sim.host);
    await sim.exec('add_pci', '-domid', '1', '-pci', CARD);
    sim.calls.log.length = 0;
    sim.kernel.log.length = 0;
    expect(await sim.exec('del_pci', '-domid', '1', '-pci', CARD, '--force')).toMatchObject({
      status: 0,
      err: '',
    });
    expect(sim.calls.log.slice(0, 6)).toEqual([
      'setIrqPermission 1 false',
      'unmapPirq 1',
      'setIomemPermission 1 false',
      'deassignPci 1 0000:03:00.0',
      'assignPci 32753 0000:03:00.0',
      'setIrqPermission 1 false',
    ]);
    expect(sim.kernel.log).toEqual([
      'devices/0000:03:00.0/reset 1',
      'devices/0000:03:00.1/reset 1',
    ]);
    expect(await treeOf(sim.host)).toEqual(before);
  });

  test('of which the domain has others leaves it those, numbered anew', async () => {
    await using sim = await withCard();
    await sim.exec('bind_pci', '-pci', '0000:04:00.0');
    const all = `0000:04:00.0,${CARD}`;
    expect(await sim.exec('add_pci', '-domid', '1', '-pci', all)).toMatchObject({ status: 0 });
    const taken = await sim.exec('del_pci', '-domid', '1', '-pci', '0000:04:00.0', '--force');
    expect(taken).toMatchObject({ status: 0, err: '' });
    const back = '/local/domain/0/backend/pci/1/0';
    const nodes = await treeOf(sim.host, back);
    expect(nodes).toMatchObject({
      [`${back}/num_devs`]: '2',
      [`${back}/dev-0`]: '0000:03:00.0',
      [`${back}/dev-1`]: '0000:03:00.1',
    });
    expect(Object.keys(nodes).filter((node) => node.endsWith('-2'))).toEqual([]);
    const wrong = await sim.exec('del_pci', '-domid', '1', '-pci', '0000:04:00.0', '--force');
    expect(wrong.err).toContain('Domain 1 has no PCI device 0000:04:00.0');
  });

  test('is what a domain needs that is to be saved', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-pci-'));
    const kernel = path.join(folder, 'kernel');
    const sim = '@xenops/sim';
    const { simulatedKernel } = (await import(sim)) as { simulatedKernel: () => Buffer };
    await writeFile(kernel, simulatedKernel());
    await using host = await withCard();
    await host.exec('build_domain', '-domid', '1', '-kernel', kernel, '-memory', '32M');
    await host.exec('add_pci', '-domid', '1', '-pci', CARD);
    const image = path.join(folder, 'image');
    const { status, err } = await host.exec('save_domain', '-domid', '1', '-file', image);
    expect(status).toBe(1);
    expect(err).toContain('Domain 1 cannot be saved: it has a PCI device of the host');
    expect(await readdir(folder)).toEqual(['kernel']);
    await rm(folder, { recursive: true });
  });

  test('is part of destroying the domain', async () => {
    await using sim = await withCard();
    await sim.exec('add_pci', '-domid', '1', '-pci', CARD);
    sim.kernel.log.length = 0;
    expect(await sim.exec('destroy_domain', '-domid', '1')).toMatchObject({ status: 0, err: '' });
    expect(sim.kernel.log).toEqual([
      'devices/0000:03:00.0/reset 1',
      'devices/0000:03:00.1/reset 1',
    ]);
    expect(await sim.host.store.find('/libxl/pci/0000-03-00-0/domid')).toBeUndefined();
    expect(await sim.exec('doctor')).toEqual({ status: 0, out: '', err: '' });
    expect(await sim.exec('pci-unbind', '-pci', CARD)).toMatchObject({ status: 0 });
  });

  test('keeps a device on record that could not be reset, and doctor finds it once its domain is dead', async () => {
    await using sim = await withCard();
    await sim.exec('add_pci', '-domid', '1', '-pci', CARD);
    sim.kernel.broken.add('devices/0000:03:00.1/reset');
    const { status, err } = await sim.exec('del_pci', '-domid', '1', '-pci', CARD, '--force');
    expect(status).toBe(1);
    expect(err).toContain('could not all be put in order');
    await sim.exec('destroy_domain', '-domid', '1');
    const found = await sim.exec('doctor', '--json');
    expect(found.status).toBe(1);
    expect(JSON.parse(found.out)).toEqual([
      { kind: 'pci-device', domid: 1, address: '0000:03:00.1' },
    ]);
    sim.kernel.broken.clear();
    expect(await sim.exec('doctor', '--repair')).toMatchObject({ status: 0, err: '' });
    expect(await sim.exec('doctor')).toEqual({ status: 0, out: '', err: '' });
  });
});
