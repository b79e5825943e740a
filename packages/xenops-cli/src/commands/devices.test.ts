/** Devices of a running guest on a simulated host: media of CD drives, networks of interfaces, and what Xen fixes at creation. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { startSim, type Sim } from '../sim.test-helper.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-devices-'));
const kernel = path.join(folder, 'kernel');
const [first, second] = ['first.iso', 'second.iso'].map((name) => path.join(folder, name));
const name = '@xenops/sim';
const { simulatedKernel } = (await import(name)) as { simulatedKernel: () => Buffer };
await writeFile(kernel, simulatedKernel());
for (const file of [first, second]) await writeFile(file ?? '', 'medium');

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const DOMAIN = ['-domid', '1'] as const;

async function ok(sim: Sim, ...words: readonly string[]): Promise<string> {
  const { status, out, err } = await sim.exec(...words);
  expect({ words, status, err }).toEqual({ words, status: 0, err: '' });
  return out;
}

/** A PV guest, and the bridges xenbr0 and other. */
async function startGuest(): Promise<Sim> {
  const sim = await startSim({ runFolder: path.join(folder, 'run') });
  for (const bridge of ['xenbr0', 'other']) sim.sim.control.machine.addBridge(bridge);
  await ok(sim, 'create_domain');
  await ok(sim, 'build_domain', ...DOMAIN, '-kernel', kernel, '-memory', '32M');
  return sim;
}

/** An HVM guest with a CD drive and its device model. */
async function startHvm(): Promise<Sim> {
  const sim = await startSim({ runFolder: path.join(folder, 'run') });
  await ok(sim, 'create_domain', '-hvm');
  await ok(sim, 'build_hvm', ...DOMAIN, '-kernel', kernel, '-firmware', kernel, '-memory', '64M');
  const drive = ['-mode', 'r', '-phystype', 'file', '-virtpath', 'hdc', '-devtype', 'cdrom'];
  await ok(sim, 'add_vbd', ...DOMAIN, ...drive, '-physpath', first ?? '');
  await ok(sim, 'add_dm', ...DOMAIN);
  return sim;
}

describe('the medium of a CD drive', () => {
  const drive = [...DOMAIN, '-virtpath', 'hdc'];
  const params = (sim: Sim): Promise<string> =>
    sim.host.store.read('/local/domain/0/backend/qdisk/1/5632/params');
  const recorded = async (sim: Sim): Promise<unknown> =>
    JSON.parse(await sim.host.store.read('/libxl/1/xenops/device/vbd/5632/config'));

  test('is taken out and another put in, for the guest, for xl and on our record', async () => {
    await using sim = await startHvm();
    expect(await params(sim)).toBe(`aio:${first}`);
    await ok(sim, 'cd_eject', ...drive);
    expect(await params(sim)).toBe('aio:');
    expect(await recorded(sim)).toMatchObject({ target: '' });
    await ok(sim, 'cd_insert', ...drive, '-physpath', second ?? '');
    expect(await params(sim)).toBe(`aio:${second}`);
    expect(await recorded(sim)).toMatchObject({ target: second, isCdrom: true, readOnly: true });
    expect(await sim.host.store.read('/libxl/1/device/vbd/5632/params')).toBe(`aio:${second}`);
    await ok(sim, 'cd-eject', ...drive);
    await ok(sim, 'cd-eject', ...drive);
    await ok(sim, 'destroy_domain', ...DOMAIN);
    await ok(sim, 'doctor');
  });

  test('that is not there leaves the old one in', async () => {
    await using sim = await startHvm();
    const { status, err } = await sim.exec('cd_insert', ...drive, '-physpath', '/no/such.iso');
    expect({ status, err }).toMatchObject({
      status: 3,
      err: expect.stringContaining('/no/such.iso does not exist'),
    });
    expect(await params(sim)).toBe(`aio:${first}`);
  });

  test('of a disk, or of a guest without a device model, cannot be changed', async () => {
    await using hvm = await startHvm();
    const wrong = await hvm.exec('cd_eject', ...DOMAIN, '-virtpath', 'hda');
    expect(wrong.err).toContain('Domain 1 has no CD drive hda');
    await using sim = await startGuest();
    const empty = ['-mode', 'r', '-phystype', 'file', '-virtpath', 'xvdc', '-devtype', 'cdrom'];
    await ok(sim, 'add_vbd', ...DOMAIN, ...empty);
    const none = await sim.exec('cd_eject', ...DOMAIN, '-virtpath', 'xvdc');
    expect(none.err).toContain('Domain 1 has no device model that could change the medium');
  });
});

describe('the network of an interface', () => {
  const link = async (sim: Sim): Promise<unknown> =>
    (await sim.host.hotplug?.listLinks())?.find((entry) => entry.name === 'vif1.0');
  const NIC = ['-mac', '00:16:3e:00:00:01'];

  test('is another one after it was moved, also for who takes it away', async () => {
    await using sim = await startGuest();
    await ok(sim, 'add_vif', ...DOMAIN, ...NIC);
    expect(await link(sim)).toMatchObject({ bridge: 'xenbr0', isUp: true });
    await ok(sim, 'vif_move', ...DOMAIN, '-netty', 'bridge:other');
    expect(await link(sim)).toMatchObject({ bridge: 'other', isUp: true });
    const back = '/local/domain/0/backend/vif/1/0';
    expect(await sim.host.store.read(`${back}/bridge`)).toBe('other');
    expect(await sim.host.store.read(`${back}/hotplug-status`)).toBe('connected');
    expect(await sim.host.store.read('/libxl/1/device/vif/0/bridge')).toBe('other');
    expect(await sim.host.store.read('/libxl/1/xenops/device/vif/0/bridge')).toBe('other');
    await ok(sim, 'destroy_domain', ...DOMAIN);
    await ok(sim, 'doctor');
  });

  test('that is not there leaves it on its old one', async () => {
    await using sim = await startGuest();
    await ok(sim, 'add_vif', ...DOMAIN, ...NIC);
    const { status, err } = await sim.exec('vif_move', ...DOMAIN, '-netty', 'bridge:none');
    expect({ status, err }).toMatchObject({ status: 1, err: expect.stringContaining('none') });
    expect(await link(sim)).toMatchObject({ bridge: 'xenbr0', isUp: true });
    expect(await sim.host.store.read('/libxl/1/device/vif/0/bridge')).toBe('xenbr0');
  });

  test('of Open vSwitch is joined and left by its script', async () => {
    const calls: string[] = [];
    const script = async ({ args }: { readonly args: readonly string[] }) => {
      calls.push(args.join(' '));
      if (args[0] === 'online') {
        await sim.host.store.write('/local/domain/0/backend/vif/1/0/hotplug-status', 'connected');
      }
      return { exitStatus: 0, output: '' };
    };
    await using sim = await startSim({ scripts: { '/etc/xen/scripts/vif-openvswitch': script } });
    sim.sim.control.machine.addBridge('xenbr0');
    await ok(sim, 'create_domain');
    await ok(sim, 'build_domain', ...DOMAIN, '-kernel', kernel, '-memory', '32M');
    await ok(sim, 'add_vif', ...DOMAIN, ...NIC, '-netty', 'openvswitch:ovs0');
    await ok(sim, 'vif_move', ...DOMAIN, '-netty', 'bridge:xenbr0');
    await ok(sim, 'vif_move', ...DOMAIN, '-netty', 'openvswitch:ovs1');
    await ok(sim, 'destroy_domain', ...DOMAIN);
    expect(calls).toEqual(
      ['online', 'offline', 'online', 'offline'].map((verb) => `${verb} type_if=vif`),
    );
  });

  test('is left and joined again', async () => {
    await using sim = await startGuest();
    await ok(sim, 'add_vif', ...DOMAIN, ...NIC);
    await ok(sim, 'vif_offline', ...DOMAIN);
    expect(await link(sim)).toEqual({ name: 'vif1.0', mtu: 1500, isUp: false });
    await ok(sim, 'vif_online', ...DOMAIN);
    expect(await link(sim)).toMatchObject({ bridge: 'xenbr0', isUp: true });
    expect((await sim.exec('vif_online', ...DOMAIN, '-devid', '7')).status).toBe(1);
  });

  test('of a driver domain is the name that it is given there', async () => {
    await using sim = await startGuest();
    const refused = await sim.exec('add_vif', ...DOMAIN, ...NIC, '-netty', 'DriverDomain:/wired/0');
    expect(refused.err).toContain('needs the domid of that domain');
  });
});

describe('what Xen fixes at creation', () => {
  test('is passed on, kept when the domain is made anew, and hinders saving', async () => {
    const specs: unknown[] = [];
    await using sim = await startSim();
    const { hypervisor } = sim.host;
    const host = {
      ...sim.host,
      hypervisor: {
        ...hypervisor,
        createDomain: (spec: Parameters<typeof hypervisor.createDomain>[0]) => {
          specs.push(spec);
          return hypervisor.createDomain(spec);
        },
      },
    };
    const run = (...words: readonly string[]) => sim.execOn(host, ...words);
    await run('create_domain', '-hvm', '--nested', '--grant_frames', '32');
    await run(
      ...['build_hvm', ...DOMAIN, '-kernel', kernel, '-firmware', kernel],
      ...['-memory', '64M', '-vcpus', '2'],
    );
    const limits = { nestedVirt: true, maxGrantFrames: 32 };
    expect(specs).toMatchObject([
      { maxVcpus: 1, ...limits },
      { maxVcpus: 2, ...limits },
    ]);
    const saved = await run('save_domain', ...DOMAIN, '-file', path.join(folder, 'image'));
    expect(saved.err).toContain('it may run a hypervisor of its own');
    await run('create_domain', '-pvh', '--shadow', '--maptrack_frames', '8');
    expect(specs.at(-1)).toMatchObject({ hap: false, maxMaptrackFrames: 8 });
  });
});
