import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../commands/command-table.ts';
import { PciKernel } from '../commands/pci-kernel.test-helper.ts';
import { startSim, treeOf, type Sim } from '../sim.test-helper.ts';
import { planHost } from './plan-host.ts';

let folder = '';
let kernel = '';
let disk = '';

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-plan-'));
  kernel = path.join(folder, 'kernel');
  disk = path.join(folder, 'disk');
  const name = '@xenops/sim';
  const { simulatedKernel } = (await import(name)) as { simulatedKernel: () => Buffer };
  await writeFile(kernel, simulatedKernel());
  await writeFile(disk, Buffer.alloc(4096));
});
afterAll(() => rm(folder, { recursive: true }));

/** A host with a running PV guest, domain 1, and a domain 2 that is not built. */
async function withGuest(): Promise<Sim> {
  const sim = await startSim();
  sim.sim.control.machine.addBridge('xenbr0');
  const steps = [
    ['create_domain', '--name', 'web'],
    ['build_domain', '-domid', '1', '-memory', '64M', '-kernel', kernel],
    ['unpause_domain', '-domid', '1'],
    ['create_domain', '--name', 'empty'],
  ];
  for (const words of steps) {
    expect(await sim.exec(...words)).toMatchObject({ status: 0, err: '' });
  }
  return sim;
}

interface Fingerprint {
  readonly tree: unknown;
  readonly domains: unknown;
  readonly loops: unknown;
  readonly files: unknown;
}

/** The tree without what a running guest may write meanwhile. */
async function fingerprint({ host, sim }: Sim): Promise<Fingerprint> {
  const tree = Object.entries(await treeOf(host)).filter(
    ([node]) => !node.startsWith('/local/domain/1/'),
  );
  const domains = await host.hypervisor.listDomains();
  return {
    tree,
    domains: domains.map(({ domid, paused, maxMemoryKib }) => ({ domid, paused, maxMemoryKib })),
    loops: await sim.hotplug!.listLoops(),
    files: [...sim.control.machine.files.keys()],
  };
}

describe('a plan', () => {
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [
      ['create_domain', '--name', 'mail'],
      ['hypercall createDomain(', 'xenstore write /local/domain/NEW/name = "mail"'],
    ],
    [['pause', '-domid', '1'], ['hypercall pause(1)']],
    [['setmaxmem', '-domid', '1', '-memory', '128M'], ['hypercall setMaxMemory(1, 131072)']],
    [
      ['balloon', '-domid', '1', '-memory', '32', '-wait'],
      ['xenstore write /local/domain/1/memory/target = "32768"', 'hypercall setMaxMemory(1, '],
    ],
    [
      ['add_vif', '-domid', '1', '-mac', '00:16:3e:00:00:01'],
      [
        'xenstore write /local/domain/0/backend/vif/1/0/mac = "00:16:3e:00:00:01"',
        'hotplug joinBridge("vif1.0", "xenbr0")',
        'xenstore write /local/domain/0/backend/vif/1/0/hotplug-status = "connected"',
      ],
    ],
    [
      ['destroy_domain', '-domid', '1'],
      ['hypercall pause(1)', 'xenstore rm /local/domain/1', 'hypercall destroy(1)'],
    ],
    [
      ['shutdown_domain', '-domid', '1', '-poweroff', '-sync'],
      ['xenstore write /local/domain/1/control/shutdown = "poweroff"', 'wait for a change of'],
    ],
  ];

  test.each(cases)('of %j says what would be done, and does nothing', async (words, wanted) => {
    await using sim = await withGuest();
    const before = await fingerprint(sim);
    const { status, out, err } = await sim.exec(...words, '--plan');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    let rest = out;
    for (const text of wanted) {
      expect(rest).toContain(text);
      rest = rest.slice(rest.indexOf(text) + text.length);
    }
    expect(await fingerprint(sim)).toEqual(before);
  });

  test('of a build has its order: rings, limits, memory, introduction', async () => {
    await using sim = await withGuest();
    const before = await fingerprint(sim);
    const { status, out } = await sim.exec(
      ...['build_domain', '-domid', '2', '-memory', '64M', '-kernel', kernel, '--plan', '--json'],
    );
    expect(status).toBe(0);
    const steps = JSON.parse(out) as { kind: string; verb?: string }[];
    const verbs = steps.flatMap(({ verb }) => verb ?? []);
    const order = ['allocUnboundEvtchn', 'setMaxMemory', 'buildDomain', 'introduce'];
    expect(
      verbs.filter((verb, index) => order.includes(verb) && verbs.indexOf(verb) === index),
    ).toEqual(order);
    expect(await fingerprint(sim)).toEqual(before);
  });

  test('of a disk names the loop device it would take, and takes none', async () => {
    await using sim = await withGuest();
    const before = await fingerprint(sim);
    const { status, out } = await sim.exec(
      ...['add_vbd', '-domid', '1', '-mode', 'w', '-phystype', 'file', '-physpath', disk],
      ...['-virtpath', 'xvda', '--plan'],
    );
    expect(status).toBe(0);
    expect(out).toContain(`hotplug attachLoop("${disk}"`);
    expect(out).toContain('xenstore write /local/domain/0/backend/vbd/1/51712/physical-device');
    expect(await fingerprint(sim)).toEqual(before);
  });

  test('of removing what is in use takes the other side to let go', async () => {
    await using sim = await withGuest();
    expect(await sim.exec('add_vif', '-domid', '1', '-mac', '00:16:3e:00:00:01')).toMatchObject({
      status: 0,
      err: '',
    });
    const before = await fingerprint(sim);
    const detached = await sim.exec('del_vif', '-domid', '1', '--plan');
    expect(detached).toMatchObject({ status: 0, err: '' });
    expect(detached.out).toContain('hotplug leaveBridge("vif1.0")');
    expect(detached.out).toContain('xenstore rm /local/domain/0/backend/vif/1/0\n');
    const destroyed = await sim.exec('destroy_domain', '-domid', '1', '--plan');
    expect(destroyed.out).toContain('hotplug leaveBridge("vif1.0")');
    expect(destroyed.out.trimEnd().split('\n').at(-1)).toBe('hypercall destroy(1)');
    expect(await fingerprint(sim)).toEqual(before);
  });

  test('of something that cannot be is the error that it would be', async () => {
    await using sim = await withGuest();
    expect(await sim.exec('pause', '-domid', '7', '--plan')).toMatchObject({ status: 5, out: '' });
  });

  test.each(COMMANDS.filter(({ changes }) => !changes).map(({ name }) => name))(
    'of %s, which changes nothing, there is not',
    async (name) => {
      await using sim = await startSim();
      expect(await sim.exec(name, '--plan')).toMatchObject({ status: 2 });
    },
  );

  test('of an image there is not, and nothing is written', async () => {
    await using sim = await withGuest();
    const file = path.join(folder, 'image');
    expect(await sim.exec('save_domain', '-domid', '1', '-file', file, '--plan')).toMatchObject({
      status: 2,
    });
    expect(await sim.host.hypervisor.listDomains()).toHaveLength(3);
  });
});

describe('a plan about PCI devices', () => {
  test('leaves the kernel alone', async () => {
    const kernel = new PciKernel();
    await using sim = await startSim(
      { hasIommu: true, pci: [{ address: '0000:04:00.0' }] },
      { pci: kernel },
    );
    const { status, out } = await sim.exec('bind_pci', '-pci', '0000:04:00.0', '--plan');
    expect(status).toBe(0);
    expect(out).toContain('machine write("drivers/pciback/new_slot", "0000:04:00.0")');
    expect(kernel.log).toEqual([]);
  });

  test("leaves alone this machine's own, too, which a real host does not bring along", async () => {
    await using sim = await startSim();
    const { host, steps } = planHost({ ...sim.host, uri: 'xen:' });
    await host.pci?.write('drivers/pciback/new_slot', '0000:04:00.0');
    expect(steps()).toEqual([
      { kind: 'machine', verb: 'write', args: ['drivers/pciback/new_slot', '0000:04:00.0'] },
    ]);
  });
});

describe('--verbose', () => {
  test('tells of hypercalls and of the traffic with xenstored, on stderr', async () => {
    await using sim = await withGuest();
    const { status, out, err } = await sim.exec('create_domain', '-v', '--name', 'mail');
    expect({ status, out }).toEqual({ status: 0, out: '3\n' });
    expect(err).toMatch(/^hypercall createDomain\(.*\) = 3$/m);
    expect(err).toMatch(/^xenstore write \/local\/domain\/3\/name mail$/m);
    const destroyed = await sim.exec('destroy_domain', '-v', '-domid', '3');
    expect(destroyed.err).toMatch(/^xenstore transaction$/m);
    expect(destroyed.err).toMatch(/^ {2}xenstore rm \/local\/domain\/3$/m);
  });

  test('tells of what failed, and makes control characters visible', async () => {
    await using sim = await withGuest();
    await sim.host.store.write('/local/domain/1/name', '\u001b[2J');
    const { err } = await sim.exec('create_domain', '-v', '--name', 'mail');
    expect(err).not.toContain('\u001b');
    const gone = await sim.exec('pause', '-v', '-domid', '7');
    expect(gone.err).toContain('hypercall findDomain(7)\n');
  });

  test('of list_domains is its own', async () => {
    await using sim = await withGuest();
    const { out, err } = await sim.exec('list_domains', '-v');
    expect(err).toBe('');
    expect(out).toContain('max vcpu id');
  });
});
