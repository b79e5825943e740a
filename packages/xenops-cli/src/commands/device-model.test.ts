/** Device models by command on a simulated host: confined ones, stub domains, agents. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { startSim, treeOf, type Sim } from '../sim.test-helper.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-dm-'));
const kernel = path.join(folder, 'kernel');
const name = '@xenops/sim';
const { simulatedKernel } = (await import(name)) as { simulatedKernel: () => Buffer };
await writeFile(kernel, simulatedKernel());
const disk = path.join(folder, 'disk');
await writeFile(disk, 'disk');

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const DOMAIN = ['-domid', '1'] as const;
const RANGE = 'xen-qemuuser-range-base:x:131072:131070::/:/bin/false\n';

async function ok(sim: Sim, ...words: readonly string[]): Promise<string> {
  const { status, out, err } = await sim.exec(...words);
  expect({ words, status, err }).toEqual({ words, status: 0, err: '' });
  return out;
}

/** An HVM guest that has been built. */
async function startHvm(
  words: readonly string[] = [],
  options: Readonly<Record<string, unknown>> = {},
): Promise<Sim> {
  const sim = await startSim({ runFolder: path.join(folder, 'run'), ...options });
  await ok(sim, 'create_domain', '-hvm', '-name', 'web');
  const firmware = ['-kernel', kernel, '-firmware', kernel];
  await ok(sim, 'build_hvm', ...DOMAIN, ...firmware, '-memory', '64M', ...words);
  return sim;
}

/** How the command fails, in one line. */
async function refusal(sim: Sim, ...words: readonly string[]): Promise<string> {
  const { status, err } = await sim.exec(...words);
  expect(status).not.toBe(0);
  expect(err.trimEnd().split('\n')).toHaveLength(1);
  return err;
}

describe('a confined device model', () => {
  test('is asked for when the domain is built, and is then given no disk to serve and no PCI device', async () => {
    await using sim = await startHvm(['-dm_restrict'], { hasIommu: true });
    sim.sim.control.machine.files.set('/etc/passwd', RANGE);
    await ok(sim, 'add_dm', ...DOMAIN);
    const qcow = ['-mode', 'w', '-phystype', 'qcow2', '-virtpath', 'xvdb', '-physpath', disk];
    expect(await refusal(sim, 'add_vbd', ...DOMAIN, ...qcow)).toContain(
      'cannot be given a disk that it would serve',
    );
    expect(await refusal(sim, 'add_pci', ...DOMAIN, '-pci', '0000:03:00.0')).toContain(
      'cannot be given a PCI device',
    );
    await ok(sim, 'destroy_domain', ...DOMAIN);
    await ok(sim, 'doctor');
  });

  test('needs a range of users, and says how to make one', async () => {
    await using sim = await startHvm(['-dm_restrict']);
    const before = await treeOf(sim.host);
    expect(await refusal(sim, 'add_dm', ...DOMAIN)).toContain(
      'adduser --system --uid 131072 --group --no-create-home xen-qemuuser-range-base',
    );
    expect(await treeOf(sim.host)).toEqual(before);
  });

  test('shows its steps in a plan', async () => {
    await using sim = await startHvm(['-dm_restrict']);
    sim.sim.control.machine.files.set('/etc/passwd', RANGE);
    const plan = await ok(sim, 'add_dm', ...DOMAIN, '--plan');
    expect(plan).toContain('killUser');
    expect(plan).toContain('"-runas","131073:131070"');
  });
});

test('a domain has one device model', async () => {
  await using sim = await startHvm();
  await ok(sim, 'add_dm', ...DOMAIN);
  expect(await refusal(sim, 'add_dm', ...DOMAIN)).toContain('has a device model already');
  expect(sim.sim.control.machine.processes.size).toBe(1);
});

/** The qemu in a stub domain. */
interface StubMachine {
  runnable(): Promise<void>;
  openStore(): Promise<Sim['host']['store']>;
  sleep(ms: number): Promise<void>;
}

test('a stub domain is a device model, and goes with its guest', async () => {
  const qemu = async (machine: StubMachine): Promise<void> => {
    await machine.runnable();
    await using store = await machine.openStore();
    await store.write(`device-model/${await store.read('target')}/state`, 'running');
    await machine.sleep(600_000);
  };
  await using sim = await startHvm([], { guests: { qemu } });
  const stub = ['-stubdom_kernel', kernel, '-stubdom_memory', '16M'];
  const words = [...stub, '-stubdom_cmdline', 'sim.guest=qemu'];
  const shown: unknown = JSON.parse(await ok(sim, 'add_dm', ...DOMAIN, ...words, '--json'));
  expect(shown).toEqual({ domid: 1, stubDomid: 2 });
  expect(await ok(sim, 'list_domains', '--json')).toContain('"web-dm"');
  await ok(sim, 'destroy_domain', ...DOMAIN);
  expect(await ok(sim, 'list_domains', '--json')).not.toContain('"web-dm"');
});

describe('agents', () => {
  test('that nobody runs emulate nothing', async () => {
    await using sim = await startHvm();
    expect(await refusal(sim, 'add_dm', ...DOMAIN, '-agents')).toContain(
      'No device-model agent can emulate',
    );
  });

  test('and a stub domain are not asked for at once', async () => {
    await using sim = await startHvm();
    const both = ['-agents', '-stubdom_kernel', kernel];
    expect(await refusal(sim, 'add_dm', ...DOMAIN, ...both)).toContain('not by both');
  });

  test('are told what to emulate, each what it can', async () => {
    await using sim = await startHvm();
    await ok(sim, 'create_domain', '-name', 'agent');
    const home = '/local/domain/2/dm-agent';
    for (const device of ['xenmou', 'xen_acpi_pm', 'acpi', 'serial']) {
      await sim.host.store.write(`${home}/capabilities/xenfb/${device}`, '');
    }
    await using watch = await sim.host.store.watch(`${home}/dms`);
    const agent = (async () => {
      for await (const _event of watch) {
        if ((await sim.host.store.find(`${home}/dms/1/0/infos/serial/device`)) === undefined)
          continue;
        await sim.host.store.write(`${home}/dms/1/0/status`, 'running');
        return;
      }
    })();
    const shown: unknown = JSON.parse(await ok(sim, 'add_dm', ...DOMAIN, '-agents', '--json'));
    await agent;
    expect(shown).toEqual({
      domid: 1,
      models: [
        { agent: 2, dmid: 0, model: 'xenfb', devices: ['xenmou', 'xen_acpi_pm', 'acpi', 'serial'] },
      ],
    });
  });
});
