import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, test } from '@jest/globals';
import { hypervisorSuite, type SuiteTest } from '@xenops/core/compliance';
import { RemoteHypervisor } from '../rpc/remote-hypervisor.ts';
import { listenForHypervisorClients } from '../rpc/server.ts';
import { createSimHost } from '../sim-host.ts';
import { simulatedKernel } from './kernel-image.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernel = { path: path.join(folder, 'linux') };
await writeFile(kernel.path, simulatedKernel());
const host = await createSimHost();
const listener = await listenForHypervisorClients({
  openHypervisor: () => host.control.openHypervisor(),
  socketPath: path.join(folder, 'hypervisor', 'socket'),
});
const supports = { containers: true };
const suiteTest: SuiteTest = Object.assign(
  (name: string, body: () => Promise<void>): unknown => test(name, body),
  { skip: (name: string, body: () => Promise<void>): unknown => test.skip(name, body) },
);

afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe('the model in this process', () => {
  hypervisorSuite({ test: suiteTest, open: () => host.control.openHypervisor(), kernel, supports });
});

describe('the model behind its socket', () => {
  const open = (): Promise<RemoteHypervisor> =>
    RemoteHypervisor.open(path.join(folder, 'hypervisor', 'socket'));
  hypervisorSuite({ test: suiteTest, open, kernel, supports });
});
