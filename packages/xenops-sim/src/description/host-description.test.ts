import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { randomVmUuid } from '@xenops/core/ids';
import { createSimHost } from '../sim-host.ts';
import { VirtualClock } from '../time/virtual-clock.ts';
import { checkDescription, readDescription } from './host-description.ts';
import { machineOf } from './machine.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test.each([
  [{ memory: 1 }, 'no key "memory"'],
  [{ memoryKib: '8G' }, 'MemoryKib in the description must be a whole number'],
  [{ cpuCount: 0 }, 'from 1'],
  [{ nodes: [{ memoryKib: 65_536 }] }, 'needs cpuCount'],
  [{ nodes: {} }, 'must be a list'],
  [{ scheduler: 'rtds' }, 'one of credit, credit2'],
  [{ pci: [{ address: '03:00' }] }, 'PCI address'],
  [{ flask: { isEnforcing: 'yes' } }, 'true or false'],
  [{ backends: { vbd: { failure: 'explode' } } }, 'one of hang-init'],
  [[], 'must be an object'],
])('the description %j is refused', (description, why) => {
  expect(() => checkDescription(description)).toThrow(why);
});

test('a file is read, and what stands beside it goes before it', async () => {
  const file = path.join(folder, 'host.json');
  await writeFile(file, JSON.stringify({ cpuCount: 2, memoryKib: 2_097_152, hasIommu: true }));
  await using host = await createSimHost({ description: file, cpuCount: 3 });
  expect(await host.hypervisor.physInfo()).toMatchObject({
    cpuCount: 3,
    totalMemoryKib: 2_097_152,
    capabilities: expect.arrayContaining(['directio']),
  });
  await writeFile(file, '{');
  await expect(readDescription(file)).rejects.toMatchObject({ code: 'CONFIG_BAD_VALUE' });
  await expect(readDescription(path.join(folder, 'no'))).rejects.toThrow('cannot be read');
});

test('nodes have cpus by socket and core, and distances', () => {
  const machine = machineOf({
    nodes: [
      { memoryKib: 65_536, cpuCount: 4 },
      { memoryKib: 65_536, cpuCount: 2, distances: [30, 10] },
    ],
    threadsPerCore: 2,
  });
  expect(machine.cpus.map(({ core, socket }) => `${socket}.${core}`)).toEqual([
    '0.0',
    '0.0',
    '0.1',
    '0.1',
    '1.0',
    '1.0',
  ]);
  expect(machine.nodes.map(({ distances }) => distances)).toEqual([
    [10, 20],
    [30, 10],
  ]);
});

test('memory of the dead becomes free as fast as it is scrubbed', async () => {
  const clock = new VirtualClock();
  await using host = await createSimHost({ clock, scrubKibPerSecond: 4096 });
  const { hypervisor } = host;
  const before = await hypervisor.physInfo();
  const spec = { uuid: randomVmUuid(), guestType: 'hvm', maxVcpus: 1 } as const;
  const domid = await hypervisor.createDomain(spec);
  await hypervisor.setMaxMemory(domid, 16_384);
  await hypervisor.setPodTarget(domid, 16_384);
  await hypervisor.destroy(domid);
  const dying = await hypervisor.physInfo();
  expect(dying.scrubMemoryKib).toBe(before.freeMemoryKib - dying.freeMemoryKib);
  clock.advance(1000);
  expect((await hypervisor.physInfo()).freeMemoryKib).toBe(dying.freeMemoryKib + 4096);
  clock.advance(10_000);
  expect(await hypervisor.physInfo()).toEqual(before);
});
