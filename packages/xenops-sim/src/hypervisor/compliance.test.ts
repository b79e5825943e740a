import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, test } from '@jest/globals';
import {
  hypervisorSuite,
  type HypervisorSuiteOptions,
  type SuiteTest,
} from '@xenops/core/compliance';
import { processCalls } from '../rpc/machine-verbs.ts';
import { openRemoteHypervisor } from '../rpc/remote-hypervisor.ts';
import { listenForHypervisorClients } from '../rpc/server.ts';
import { createSimHost } from '../sim-host.ts';
import { simulatedKernel } from './kernel-image.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernel = { path: path.join(folder, 'linux') };
await writeFile(kernel.path, simulatedKernel());
const host = await createSimHost();
const large = await createSimHost({
  nodes: [
    { memoryKib: 4_194_304, cpuCount: 4 },
    { memoryKib: 4_194_304, cpuCount: 4 },
  ],
  threadsPerCore: 2,
  scheduler: 'credit',
  hasIommu: true,
  pci: [
    { address: '0000:03:00.0', group: 7 },
    { address: '0000:03:00.1', group: 7 },
    { address: '0000:04:00.0' },
  ],
  flask: { isEnforcing: true },
});
const listener = await listenForHypervisorClients({
  openHypervisor: () => host.control.openHypervisor(),
  machine: { hotplug: host.hotplug, process: processCalls(host.services) },
  socketPath: path.join(folder, 'hypervisor', 'socket'),
});
const suiteTest: SuiteTest = Object.assign(
  (name: string, body: () => Promise<void>): unknown => test(name, body),
  { skip: (name: string, body: () => Promise<void>): unknown => test.skip(name, body) },
);
const options: HypervisorSuiteOptions = {
  test: suiteTest,
  open: () => host.control.openHypervisor(),
  kernel,
  // Nothing executes it: any ELF file is an hvmloader, any file a firmware.
  hvm: { loaderPath: kernel.path, firmwarePath: kernel.path },
  pci: 'no IOMMU',
  openStore: () => host.control.openStore(),
  supports: {
    containers: true,
    containerCores: true,
    cpuMoves: true,
    rings: true,
    flask: 'FLASK is off',
  },
};

afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
  await large[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe('the model in this process', () => {
  hypervisorSuite(options);
});

describe('the model behind its socket', () => {
  hypervisorSuite({
    ...options,
    open: () => openRemoteHypervisor(path.join(folder, 'hypervisor', 'socket')),
    supports: { ...options.supports, rings: 'in another process' },
  });
});

describe('a large machine', () => {
  hypervisorSuite({
    ...options,
    open: () => large.control.openHypervisor(),
    openStore: () => large.control.openStore(),
    pci: {
      address: { domain: 0, bus: 3, slot: 0, fn: 0 },
      neighbour: { domain: 0, bus: 3, slot: 0, fn: 1 },
    },
    supports: { containers: true, containerCores: true, cpuMoves: true, rings: true, flask: true },
  });
});
