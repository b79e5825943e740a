import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { domid } from '@xenops/core/ids';
import { startSim } from '../sim.test-helper.ts';

let folder = '';
let kernel = '';

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xenops-life-'));
  kernel = path.join(folder, 'kernel');
  const name = '@xenops/sim';
  const { simulatedKernel } = (await import(name)) as { simulatedKernel: () => Buffer };
  await writeFile(kernel, simulatedKernel());
});
afterAll(() => rm(folder, { recursive: true }));

describe('a domain', () => {
  test('that was paused twice runs after it was unpaused once', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain');
    await sim.exec('build_domain', '-domid', '1', '-memory', '16M', '-kernel', kernel);
    for (const name of ['unpause', 'pause', 'pause', 'unpause']) {
      expect(await sim.exec(name, '-domid', '1')).toMatchObject({ status: 0, err: '' });
    }
    expect(await sim.host.hypervisor.findDomain(domid(1))).toMatchObject({ paused: false });
  });

  test('that is empty is not started, and can be built', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain');
    const { status, err } = await sim.exec('unpause', '-domid', '1');
    expect(status).toBe(1);
    expect(err).toContain('Domain 1 is empty');
    const build = ['build_domain', '-domid', '1', '-memory', '16M', '-kernel', kernel];
    expect(await sim.exec(...build)).toMatchObject({ status: 0 });
  });

  test('is one of HVM and PVH', async () => {
    await using sim = await startSim();
    const { status, err } = await sim.exec('create_domain', '-hvm', '-pvh');
    expect(status).toBe(3);
    expect(err).toContain('not both');
    expect(await sim.host.hypervisor.listDomains()).toHaveLength(1);
  });

  test('that is to have PCI devices is not made where there is no IOMMU', async () => {
    await using sim = await startSim();
    const { status, err } = await sim.exec('create_domain', '-passthrough');
    expect(status).toBe(3);
    expect(err).toContain('no IOMMU');
    expect(await sim.host.hypervisor.listDomains()).toHaveLength(1);
  });

  test('is not made from an image that is not there, which is named', async () => {
    await using sim = await startSim();
    const { status, err } = await sim.exec('restore_domain', '-file', '/nowhere/web.image');
    expect(status).toBe(1);
    expect(err.split('\n')[0]).toBe('xenops: The image /nowhere/web.image cannot be read');
  });
});
