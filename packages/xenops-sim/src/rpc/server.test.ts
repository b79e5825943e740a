import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { processCalls, remoteServices } from './machine-verbs.ts';
import { openRemoteHost, openRemoteHypervisor } from './remote-hypervisor.ts';
import { listenForHypervisorClients, type HypervisorListener } from './server.ts';

let folder = '';
let socketPath = '';
let host: SimHost;
let listener: HypervisorListener;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
  socketPath = path.join(folder, 'hypervisor', 'socket');
  host = await createSimHost();
  listener = await listenForHypervisorClients({
    openHypervisor: () => host.control.openHypervisor(),
    machine: { hotplug: host.hotplug, process: processCalls(host.services) },
    socketPath,
  });
});
afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test.each(['not json\n', '{"kind":"call","id":1,"verb":"fly","args":[]}\n', 'x'.repeat(2_000_000)])(
  'a malformed message (%#) ends its connection and no other',
  async (text) => {
    const good = await openRemoteHypervisor(socketPath);
    const bad = createConnection({ path: socketPath });
    bad.on('error', () => undefined);
    bad.write(text);
    // A peer that goes while we write may be noticed by an error first.
    await new Promise((resolve) => bad.once('close', resolve));
    expect(await good.listDomains()).toHaveLength(1);
    await good[Symbol.asyncDispose]();
  },
);

test('calls under way fail when the other side goes, and those after it too', async () => {
  const own = await listenForHypervisorClients({
    openHypervisor: () => host.control.openHypervisor(),
    machine: { hotplug: host.hotplug, process: processCalls(host.services) },
    socketPath: path.join(folder, 'own', 'socket'),
  });
  const hypervisor = await openRemoteHypervisor(path.join(folder, 'own', 'socket'));
  const underWay = hypervisor.listDomains();
  const closed = own[Symbol.asyncDispose]();
  const unavailable = { code: 'HYPERVISOR_UNAVAILABLE' };
  await expect(underWay).rejects.toMatchObject(unavailable);
  await closed;
  await expect(Promise.resolve(hypervisor.version())).rejects.toMatchObject(unavailable);
});

test('disks and links of the simulated Dom0 are reached over the same socket', async () => {
  host.control.machine.addBridge('xenbr0');
  host.control.machine.disks.set('/disk', { kind: 'file', sizeBytes: 4096 });
  const remote = await openRemoteHost(socketPath);
  try {
    const { hotplug } = remote.machine;
    expect(await hotplug.statDisk('/disk')).toEqual({ kind: 'file', sizeBytes: 4096 });
    const loop = await hotplug.attachLoop('/disk', { readOnly: true });
    expect(await hotplug.listLoops()).toMatchObject([{ ...loop, filePath: '/disk' }]);
    await hotplug.detachLoop(loop.devicePath);
    await expect(hotplug.joinBridge('vif9.0', 'xenbr0')).rejects.toMatchObject({
      code: 'HOTPLUG_FAILED',
    });
  } finally {
    await remote.hypervisor[Symbol.asyncDispose]();
  }
});

test('device models of the simulated Dom0 are started, found alive and ended over the same socket', async () => {
  const remote = await openRemoteHost(socketPath);
  const runFolder = path.join(folder, 'run');
  const services = remoteServices(remote.machine.process, { runFolder, stateFolder: runFolder });
  try {
    const { identity, exited } = await services.startProcess({
      path: '/usr/libexec/xen-qemu-system-i386',
      args: ['-xen-domid', '7', '-chardev', `socket,id=libxl-cmd,path=${folder}/qmp`],
      env: {},
      log: { path: '/var/log/xen/qemu-dm-x.log', rotateBytes: 1 },
    });
    expect(host.control.machine.processes.has(identity.pid)).toBe(true);
    expect(await services.isAlive(identity)).toBe(true);
    const ended = services.processEnd(identity, AbortSignal.timeout(10_000));
    expect(await services.signalProcess(identity, 'SIGHUP')).toBe(true);
    await ended;
    expect(await exited).toBe(0);
    expect(await services.isAlive(identity)).toBe(false);
    expect(await services.isAlive(await services.ownProcess())).toBe(true);
  } finally {
    await remote.hypervisor[Symbol.asyncDispose]();
  }
});
