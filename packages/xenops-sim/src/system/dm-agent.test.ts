/** Device models in other domains: agents played by the test, through the xenstore of their own domains. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  agentDevices,
  assignDevices,
  listAgents,
  startAgentModels,
  type Agent,
} from '@xenops/core/dmagent';
import { destroyDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { domid as toDomid, type Domid } from '@xenops/core/ids';
import { listTree, ownedBy, type XenStore } from '@xenops/core/xenstore';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { settle, writeKernel } from '../testing/sim-guest.test-helper.ts';
import { VirtualClock } from '../time/virtual-clock.ts';
import { countAll, hostOf, makeGuest, passTime } from './whole-host.test-helper.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
const kernelPath = await writeKernel(folder);
let clock: VirtualClock;
let sim: SimHost;
let host: Host;
let agent: Domid;
let store: XenStore;

beforeEach(async () => {
  clock = new VirtualClock();
  sim = await createSimHost({ clock, runFolder: path.join(folder, 'run') });
  host = hostOf(sim);
  agent = await makeGuest(host, kernelPath, { name: 'agent' });
  await host.store.mkdir(`/local/domain/${agent}/dm-agent`);
  await host.store.setPermissions(`/local/domain/${agent}/dm-agent`, ownedBy(agent));
  store = sim.control.openGuestStore(agent);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await sim[Symbol.asyncDispose]();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const config = {
  domid: toDomid(7),
  name: 'guest',
  memoryKib: 65_536,
  vcpus: 1,
  onlineVcpus: 1,
  videoMemoryKib: 8192,
  disks: [],
  nics: [],
} as const;
const DEVICES = agentDevices({ ...config, guestType: 'pv' });

const offer = async (types: readonly string[]): Promise<void> => {
  for (const type of types) await store.write(`dm-agent/capabilities/qemu/${type}`, '');
};
const home = (guest: Domid): string => `/local/domain/${agent}/dm-agent/dms/${guest}`;

test('what an HVM guest needs is told device by device', () => {
  const devices = agentDevices(
    {
      ...config,
      guestType: 'hvm',
      card: 'std',
      serials: ['pty'],
      disks: [
        { vdev: 'hda', path: '/a.img', format: 'raw', readOnly: false, isCdrom: false },
        { vdev: 'hdc', path: '/b.iso', format: 'raw', readOnly: true, isCdrom: true },
      ],
      nics: [{ devid: 0, mac: '00:16:3e:00:00:01', model: 'e1000', bridge: 'xenbr0' }],
    },
    [
      { domain: 0, bus: 3, slot: 0, fn: 0 },
      { domain: 0, bus: 3, slot: 0, fn: 1 },
    ],
  );
  expect(devices.map(({ type }) => type).join(' ')).toBe(
    'xenmou xen_acpi_pm svga acpi serial drive net xen_pci_pt',
  );
  expect(devices.find(({ type }) => type === 'drive')?.infos).toEqual({
    disk0: { file: '/a.img', media: 'disk', format: 'raw', index: '0', readonly: 'off' },
    cdrom1: { file: '/b.iso', media: 'cdrom', format: 'raw', index: '2', readonly: 'on' },
  });
  expect(devices.find(({ type }) => type === 'xen_pci_pt')?.infos).toEqual({
    'xen_pci_pt-0': { hostaddr: '0000:03:00.00' },
    'xen_pci_pt-1': { hostaddr: '0000:03:00.01' },
  });
  const disks = [
    { vdev: 'xvda', path: '/a', format: 'raw', readOnly: false, isCdrom: false },
  ] as const;
  expect(() => agentDevices({ ...config, guestType: 'hvm', disks })).toThrow('IDE drives only');
});

describe('a device goes to', () => {
  const [guest, other] = [toDomid(7), toDomid(8)];
  const one = (id: number, target?: Domid, types = ['input', 'xenfb']): Agent => ({
    domid: toDomid(id),
    target,
    models: new Map([['qemu', new Set(types)]]),
  });
  const chosen = (agents: readonly Agent[]): readonly number[] =>
    assignDevices(guest, DEVICES, agents).map(({ agent: who }) => who);

  test.each([
    ['the agent of this guest alone', [one(1), one(2, guest), one(3)], [2]],
    ['the last that serves anybody', [one(1), one(3)], [3]],
    ['whoever can emulate it', [one(1), one(3, undefined, ['input'])], [1, 3]],
  ])('%s', (_who, agents, expected) => {
    expect(chosen(agents)).toEqual(expected);
  });

  test('nobody when its agent serves another guest, or there is none', () => {
    expect(() => chosen([one(2, other)])).toThrow('No device-model agent can emulate');
    expect(() => chosen([])).toThrow('No device-model agent can emulate');
  });
});

describe('an agent', () => {
  test('is told, runs its model, and is told to end it with the domain', async () => {
    const before = await countAll(sim);
    const guest = await makeGuest(host, kernelPath);
    await offer(['xenfb', 'input']);
    const agents = await listAgents(host);
    expect(agents).toMatchObject([{ domid: agent, target: undefined }]);
    const started = startAgentModels(host, guest, assignDevices(guest, DEVICES, agents));
    await settle();
    const told = await listTree(store, `${home(guest)}/0/infos`);
    expect(told.get(`${home(guest)}/0/infos/xenfb/type`)).toBe('xenfb');
    await store.write(`${home(guest)}/0/status`, 'running');
    await started;
    await using asked = await store.watch(`${home(guest)}/destroy`);
    const ending = (async (): Promise<void> => {
      for await (const _event of asked) {
        if ((await store.find(`${home(guest)}/destroy`)) === '1') break;
      }
      await store.rm(home(guest));
    })();
    await passTime(clock, destroyDomain(host, guest, { timeoutMs: 60_000, clock }));
    await ending;
    await store.rm('dm-agent/capabilities');
    await store.rm('dm-agent/dms');
    expect(await countAll(sim)).toEqual(before);
  });

  test('that says no, or nothing, leaves no model and keeps nobody', async () => {
    const guest = await makeGuest(host, kernelPath);
    await offer(['xenfb', 'input']);
    const models = assignDevices(guest, DEVICES, await listAgents(host));
    const refused = startAgentModels(host, guest, models);
    await settle();
    await store.write(`${home(guest)}/0/status`, '\u001b[2Jno');
    await expect(passTime(clock, refused)).rejects.toMatchObject({ code: 'DM_START_FAILED' });
    expect(await host.store.find(home(guest))).toBeUndefined();
    const silent = startAgentModels(host, guest, models, { timeoutMs: 5000 });
    await expect(passTime(clock, silent)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(await host.store.find(home(guest))).toBeUndefined();
    expect(await host.store.find(`/libxl/${guest}/xenops/dm-agents`)).toBeUndefined();
  });

  test('whose domain is gone is no obstacle to the end of the guest', async () => {
    const guest = await makeGuest(host, kernelPath);
    await offer(['xenfb', 'input']);
    const models = assignDevices(guest, DEVICES, await listAgents(host));
    const started = startAgentModels(host, guest, models);
    await settle();
    await store.write(`${home(guest)}/0/status`, 'running');
    await started;
    const options = { timeoutMs: 60_000, clock };
    await passTime(clock, destroyDomain(host, agent, options));
    await passTime(clock, destroyDomain(host, guest, options));
    expect(await host.store.directory('/local/domain')).toEqual(['0']);
  });
});
