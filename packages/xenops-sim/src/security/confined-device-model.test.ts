/** A device model that is confined to its domain: what it gets and what not, and that nothing of it stays. */
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeVbd, attachDevice } from '@xenops/core/devices';
import {
  adoptDeviceModel,
  assertNotConfined,
  changeMedium,
  deviceModelConfig,
  startDomainDeviceModel,
} from '@xenops/core/dm';
import { findLeftovers, inspectHost, repairLeftovers } from '@xenops/core/doctor';
import { buildDomain, createDomain, destroyDomain, readDomainConfig } from '@xenops/core/domain';
import type { Host, SystemUser } from '@xenops/core/host';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { createSimHost, type SimHost, type SimHostOptions } from '../sim-host.ts';
import { countAll, hostOf, makeGuest } from '../system/whole-host.test-helper.ts';
import { writeKernel } from '../testing/sim-guest.test-helper.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
const runFolder = path.join(folder, 'run');
const medium = path.join(folder, 'cd.iso');
await writeFile(medium, 'medium');
const RANGE = 'root:x:0:0::/root:/bin/sh\nxen-qemuuser-range-base:x:131072:131070::/:/bin/false\n';

let sim: SimHost;
let host: Host;

beforeEach(() => start());
afterEach(async () => {
  await sim[Symbol.asyncDispose]();
});
afterAll(() => rm(folder, { recursive: true }));

async function start(options: SimHostOptions = {}): Promise<void> {
  sim = await createSimHost({ runFolder, ...options });
  sim.control.machine.files.set('/etc/passwd', RANGE);
  host = hostOf(sim);
}

async function makeHvm(): Promise<Domid> {
  const domid = await createDomain(host, {
    uuid: randomVmUuid(),
    guestType: 'hvm',
    name: 'web',
    maxVcpus: 1,
  });
  await buildDomain(host, domid, {
    kind: 'hvm',
    memoryKib: 32_768,
    vcpus: 1,
    loaderPath: kernelPath,
    firmwarePath: kernelPath,
    isModelConfined: true,
  });
  return domid;
}

async function startModel(domid: Domid, statePath?: string): Promise<void> {
  const config = deviceModelConfig(domid, await readDomainConfig(host, domid), { statePath });
  await using _model = await startDomainDeviceModel(host, config, { timeoutMs: 2000 });
}

const destroy = (domid: Domid): Promise<void> => destroyDomain(host, domid, { timeoutMs: 10_000 });
const rootOf = (domid: Domid): string => path.join(runFolder, `qemu-root-${domid}`);
const drive = { vdev: 'hdc', target: '', readOnly: true, isCdrom: true };

test('is a user of its own in an empty folder, which xl can kill, and leaves nothing', async () => {
  const before = await countAll(sim);
  const domid = await makeHvm();
  await startModel(domid);
  const [{ args } = { args: [] }] = sim.control.machine.processes.values();
  expect(args.join(' ')).toContain(`-chroot ${rootOf(domid)} -runas ${131_072 + domid}:131070`);
  expect(await host.store.read(`/local/domain/${domid}/image/device-model-kill-uid`)).toBe(
    String(131_072 + domid),
  );
  await destroy(domid);
  await expect(access(rootOf(domid))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await countAll(sim)).toEqual(before);
});

test('finds its folder empty, whatever an earlier one has left', async () => {
  const domid = await makeHvm();
  await mkdir(rootOf(domid), { recursive: true });
  await writeFile(path.join(rootOf(domid), 'trap'), '');
  await startModel(domid);
  await expect(access(path.join(rootOf(domid), 'trap'))).rejects.toMatchObject({ code: 'ENOENT' });
  await destroy(domid);
});

test('saves its state, from which the next goes on, though it can make no file', async () => {
  const domid = await makeHvm();
  await startModel(domid);
  const file = path.join(folder, 'state');
  {
    await using model = await adoptDeviceModel(host, domid);
    await model?.qmp.execute('device_add', { driver: 'usb-tablet', id: 'tablet' });
    for (const isLive of [true, false]) await model?.saveState(file, { isLive });
  }
  expect(await readFile(file, 'utf8')).toContain('tablet');
  await expect(access(path.join(rootOf(domid), 'state'))).rejects.toMatchObject({ code: 'ENOENT' });
  await destroy(domid);
  const next = await makeHvm();
  await startModel(next, file);
  await using model = await adoptDeviceModel(host, next);
  expect(JSON.stringify(await model?.qmp.execute('query-pci'))).toContain('tablet');
  await destroy(next);
});

test('opens nothing later: its drive is emptied, and no medium put in', async () => {
  const domid = await makeHvm();
  await attachDevice(host, describeVbd({ domid, guestType: 'hvm' }, { ...drive, target: medium }));
  await startModel(domid);
  await changeMedium(host, domid, 'hdc', undefined);
  await expect(changeMedium(host, domid, 'hdc', { target: medium })).rejects.toMatchObject({
    code: 'CONFIG_BAD_VALUE',
    message: expect.stringContaining('cannot be given a medium'),
  });
  await expect(assertNotConfined(host, domid, 'a PCI device')).rejects.toMatchObject({
    code: 'CONFIG_BAD_VALUE',
  });
  await destroy(domid);
});

test('that never answers is no device model, and no process', async () => {
  await sim[Symbol.asyncDispose]();
  await start({ deviceModelFailure: 'deaf' });
  const before = await countAll(sim);
  const domid = await makeHvm();
  const config = deviceModelConfig(domid, await readDomainConfig(host, domid));
  await expect(startDomainDeviceModel(host, config, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'DM_START_FAILED',
  });
  expect(sim.control.machine.processes.size).toBe(0);
  await expect(access(rootOf(domid))).rejects.toMatchObject({ code: 'ENOENT' });
  await destroy(domid);
  expect(await countAll(sim)).toEqual(before);
});

test('that kills who is to kill it stays on record, until the doctor has ended it', async () => {
  const before = await countAll(sim);
  const domid = await makeHvm();
  await startModel(domid);
  const { services } = host;
  const hostile: Host = {
    ...host,
    services: { ...services, killUser: () => Promise.reject(new Error('It withstood')) },
  };
  await expect(destroyDomain(hostile, domid, { timeoutMs: 10_000 })).rejects.toMatchObject({
    code: 'DOMAIN_LEFTOVERS',
  });
  const killed: SystemUser[] = [];
  const killing: Host = {
    ...host,
    services: { ...services, killUser: async (user) => void killed.push(user) },
  };
  const repairs = await repairLeftovers(killing, findLeftovers(await inspectHost(host)));
  expect(repairs.filter(({ outcome }) => outcome !== 'released')).toEqual([]);
  expect(killed).toEqual([{ uid: 131_072 + domid, gid: 131_070 }]);
  await expect(access(rootOf(domid))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await countAll(sim)).toEqual(before);
});

describe('is refused, and nothing is left of the attempt,', () => {
  const refusal = async (domid: Domid, words: string): Promise<void> => {
    const before = await countAll(sim);
    const config = deviceModelConfig(domid, await readDomainConfig(host, domid), {
      isConfined: true,
    });
    await expect(startDomainDeviceModel(host, config)).rejects.toMatchObject({
      code: 'CONFIG_BAD_VALUE',
      message: expect.stringContaining(words),
    });
    expect(await countAll(sim)).toEqual(before);
    await destroy(domid);
  };

  test.each([
    ['where the range of users is missing', 'root:x:0:0::/:/bin/sh\n', 'adduser --system'],
    ['where the range begins with root', RANGE.replaceAll('131072', '0'), 'adduser --system'],
    ['where its user is somebody', `${RANGE}bob:x:131073:1::/:/bin/sh\n`, 'is bob'],
  ])('%s', async (_what, passwd, words) => {
    sim.control.machine.files.set('/etc/passwd', passwd);
    await refusal(await makeHvm(), words);
  });

  test('for a paravirtual guest', async () => {
    await refusal(await makeGuest(host, kernelPath), 'paravirtual guest');
  });

  test('with a disk that it would serve as a back-end', async () => {
    const domid = await makeHvm();
    const disk = { vdev: 'xvda', target: medium, format: 'qcow2', readOnly: false } as const;
    await attachDevice(host, describeVbd({ domid, guestType: 'hvm' }, disk));
    await refusal(domid, 'vbd 51712');
  });
});
