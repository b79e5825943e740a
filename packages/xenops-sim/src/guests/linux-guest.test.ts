import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DOM0, randomVmUuid, type Domid } from '@xenops/core/ids';
import { ownedBy } from '@xenops/core/xenstore';
import { simulatedKernel } from '../hypervisor/kernel-image.ts';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { guestTemper } from './guest-tempers.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = path.join(folder, 'linux');
await writeFile(kernelPath, simulatedKernel());
let host: SimHost;

beforeEach(async () => {
  host = await createSimHost({ consoleFolder: path.join(folder, 'console') });
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Everything that a toolstack does before the first unpause. */
async function buildGuest(cmdline = ''): Promise<Domid> {
  const { hypervisor, store } = host;
  const domid = await hypervisor.createDomain({
    uuid: randomVmUuid(),
    guestType: 'pv',
    maxVcpus: 2,
  });
  await hypervisor.setMaxMemory(domid, 17_408);
  const storeEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  const consoleEvtchn = await hypervisor.allocUnboundEvtchn(domid, DOM0);
  const home = `/local/domain/${domid}`;
  await store.mkdir(home);
  await store.setPermissions(home, ownedBy(DOM0, domid));
  for (const node of ['shutdown', 'feature-poweroff', 'feature-reboot', 'feature-suspend']) {
    await store.write(`${home}/control/${node}`, '');
    await store.setPermissions(`${home}/control/${node}`, ownedBy(domid));
  }
  const { storeFrame, consoleFrame } = await hypervisor.buildDomain(domid, {
    kind: 'pv',
    kernelPath,
    cmdline,
    memoryKib: 16_384,
    storeEvtchn,
    storeDomid: DOM0,
    consoleEvtchn,
    consoleDomid: DOM0,
  });
  await store.write(`${home}/console/tty`, '');
  await store.write(`${home}/console/ring-ref`, String(consoleFrame));
  await store.introduce(domid, storeFrame, storeEvtchn);
  return domid;
}

/** Waits until a node, looked at whenever it changes, satisfies. */
async function waitForNode(
  node: string,
  isRight: (value: string | undefined) => boolean,
): Promise<void> {
  const watch = await host.store.watch(node);
  for await (const _event of watch) {
    if (isRight(await host.store.find(node))) break;
  }
  await watch[Symbol.asyncDispose]();
}

async function waitForShutdown(domid: Domid): Promise<string | undefined> {
  const watch = await host.store.watch('@releaseDomain');
  for await (const _event of watch) {
    if ((await host.hypervisor.findDomain(domid))?.shutdown === true) break;
  }
  await watch[Symbol.asyncDispose]();
  return (await host.hypervisor.findDomain(domid))?.shutdownReason;
}

const control = (domid: Domid, name: string): string => `/local/domain/${domid}/control/${name}`;
const isOne = (value: string | undefined): boolean => value === '1';
const isEmpty = (value: string | undefined): boolean => value === '';

test('a guest that may run announces what it can do, prints, and waits', async () => {
  const domid = await buildGuest('quiet');
  await host.hypervisor.unpause(domid);
  await waitForNode(control(domid, 'feature-suspend'), isOne);
  await waitForNode(
    `/local/domain/${domid}/console/tty`,
    (tty) => tty === path.join(folder, 'console', `${domid}.log`),
  );
  expect(host.control.consoleText(domid)).toContain('Command line: quiet');
  expect(await host.hypervisor.findDomain(domid)).toMatchObject({
    blocked: true,
    onlineVcpuCount: 2,
  });
});

test.each([
  ['poweroff', 'poweroff'],
  ['halt', 'poweroff'],
  ['reboot', 'reboot'],
  ['suspend', 'suspend'],
])(
  'a request for %s is acknowledged, then the domain shuts down for %s',
  async (request, reason) => {
    const domid = await buildGuest();
    await host.hypervisor.unpause(domid);
    await waitForNode(control(domid, 'feature-suspend'), isOne);
    await host.store.write(control(domid, 'shutdown'), request);
    expect(await waitForShutdown(domid)).toBe(reason);
    expect(await host.store.read(control(domid, 'shutdown'))).toBe('');
  },
);

test('a paused guest does nothing, and goes on where it was', async () => {
  const domid = await buildGuest();
  await host.hypervisor.unpause(domid);
  await waitForNode(control(domid, 'feature-suspend'), isOne);
  await host.hypervisor.pause(domid);
  await host.store.write(control(domid, 'shutdown'), 'poweroff');
  await host.store.transaction(async (tree) => tree.read('/tool'));
  expect(await host.store.read(control(domid, 'shutdown'))).toBe('poweroff');
  await host.hypervisor.unpause(domid);
  expect(await waitForShutdown(domid)).toBe('poweroff');
});

test('an unknown request is acknowledged and not obeyed', async () => {
  const domid = await buildGuest();
  await host.hypervisor.unpause(domid);
  await host.store.write(control(domid, 'shutdown'), 'dance');
  await waitForNode(control(domid, 'shutdown'), isEmpty);
  expect((await host.hypervisor.findDomain(domid))?.shutdown).toBe(false);
});

describe('tempers', () => {
  test.each([
    ['', { boot: 'ok', shutdown: 'obey' }],
    ['root=/dev/xvda1 sim.shutdown=ignore', { boot: 'ok', shutdown: 'ignore' }],
    ['sim.boot=crash sim.boot=hang', { boot: 'hang', shutdown: 'obey' }],
    ['sim.boot=fly', { boot: 'ok', shutdown: 'obey' }],
  ])('the command line "%s" means %j', (cmdline, temper) => {
    expect(guestTemper(cmdline)).toMatchObject(temper);
  });

  test.each(['crash', 'poweroff', 'reboot'])('sim.boot=%s ends the boot so', async (reason) => {
    const domid = await buildGuest(`sim.boot=${reason}`);
    await host.hypervisor.unpause(domid);
    expect(await waitForShutdown(domid)).toBe(reason);
  });

  test('sim.shutdown=acknowledge empties the node and runs on', async () => {
    const domid = await buildGuest('sim.shutdown=acknowledge');
    await host.hypervisor.unpause(domid);
    await host.store.write(control(domid, 'shutdown'), 'poweroff');
    await waitForNode(control(domid, 'shutdown'), isEmpty);
    expect((await host.hypervisor.findDomain(domid))?.shutdown).toBe(false);
  });
});

test('a guest that is destroyed at any moment leaves nothing', async () => {
  const before = await host.hypervisor.physInfo();
  const domid = await buildGuest();
  await host.hypervisor.unpause(domid);
  await host.hypervisor.destroy(domid);
  await host.store.rm(`/local/domain/${domid}`);
  expect(await host.hypervisor.physInfo()).toEqual(before);
  expect(await host.store.directory('/local/domain')).toEqual(['0']);
  expect(await host.store.isIntroduced(domid)).toBe(false);
});
