import { describe, expect, test } from '@jest/globals';
import { domid } from '@xenops/core/ids';
import { startSim, treeOf, type Sim } from '../sim.test-helper.ts';

/** What a domain 9 has left that died without anybody there. */
async function withRemains(): Promise<Sim> {
  const sim = await startSim();
  const { store } = sim.host;
  await sim.exec('create_domain', '--name', 'living');
  const loop = await sim.sim.hotplug!.attachLoop('/images/old', { readOnly: false });
  await sim.sim.hotplug!.keepLoop(loop.devicePath);
  await store.write('/local/domain/0/backend/vbd/9/51712/node', loop.devicePath);
  await store.write('/local/domain/0/backend/vbd/9/51712/params', '/images/old');
  await store.write('/local/domain/9/name', 'dead');
  await store.write('/vm/ffffffff-4455-6677-8899-aabbccddeeff/name', 'dead');
  await store.write('/libxl/9/type', 'pv');
  await store.write('/local/domain/0/device-model/9/state', 'running');
  await store.write('/libxl/xenops-building-9', '4711 1');
  return sim;
}

describe('doctor', () => {
  test('finds nothing on a host in order', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain');
    expect(await sim.exec('doctor')).toEqual({ status: 0, out: '', err: '' });
    expect(await sim.exec('doctor', '--json')).toMatchObject({ status: 0, out: '[]\n' });
  });

  test('finds what a dead domain has left, fails, and changes nothing', async () => {
    await using sim = await withRemains();
    const before = await treeOf(sim.host);
    const { status, out, err } = await sim.exec('doctor', '--json');
    expect(status).toBe(1);
    expect(err).toContain('DOMAIN_LEFTOVERS');
    expect((JSON.parse(out) as { kind: string }[]).map(({ kind }) => kind)).toEqual([
      'build-mark',
      'loop-device',
      'backend',
      'device-model-nodes',
      'record',
      'domain-nodes',
      'vm-nodes',
    ]);
    expect(await treeOf(sim.host)).toEqual(before);
  });

  test('releases it, and finds nothing after', async () => {
    await using sim = await withRemains();
    const { status, out, err } = await sim.exec('doctor', '--repair');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out.split('\n').filter((line) => line.startsWith('released: '))).toHaveLength(7);
    expect(await sim.exec('doctor')).toEqual({ status: 0, out: '', err: '' });
    expect(await sim.sim.hotplug!.listLoops()).toEqual([]);
    expect(await sim.host.store.find('/local/domain/1/name')).toBe('living');
  });

  test('takes away the mark of a build whose domid is another domain by now, and leaves that alone', async () => {
    await using sim = await startSim();
    await sim.exec('create_domain', '--name', 'living');
    const [, living] = await sim.host.hypervisor.listDomains();
    const { pid, startTicks } = await sim.host.services.ownProcess();
    const mark = (uuid: string): Promise<void> =>
      sim.host.store.write('/libxl/xenops-building-1', `${pid} ${startTicks} ${uuid}`);

    await mark(String(living?.uuid));
    expect(await sim.exec('doctor')).toMatchObject({ status: 0, out: '' });
    await mark('ffffffff-4455-6677-8899-aabbccddeeff');
    const before = await treeOf(sim.host, '/local');
    expect((await sim.exec('doctor')).out).toBe('build of domain 1 that was cut off\n');
    expect(await sim.exec('doctor', '--repair')).toMatchObject({ status: 0 });
    expect(await sim.exec('doctor')).toMatchObject({ status: 0, out: '' });
    expect(await treeOf(sim.host, '/local')).toEqual(before);
    expect((await sim.host.hypervisor.listDomains())[1]).toEqual(living);
  });

  test('leaves the loop device of a living domain alone, though a dead one named it too', async () => {
    await using sim = await withRemains();
    const { store } = sim.host;
    await store.write('/local/domain/0/backend/vbd/1/51712/node', '/dev/loop0');
    await sim.exec('doctor', '--repair');
    expect(await sim.sim.hotplug!.listLoops()).toHaveLength(1);
  });

  test('tells of what it could not release, and releases the rest', async () => {
    await using sim = await withRemains();
    const broken = {
      ...sim.host,
      hotplug: {
        ...sim.sim.hotplug!,
        listLoops: () => sim.sim.hotplug!.listLoops(),
        detachLoop: () => Promise.reject(new Error('EBUSY')),
      },
    };
    const { status, out } = await sim.execOn(broken, 'doctor', '--repair');
    expect(status).toBe(1);
    expect(out).toContain('NOT released: /dev/loop');
    expect(await sim.host.store.find('/libxl/9')).toBeUndefined();
  });

  test('finds drafts of processes that are dead, where it is told to look', async () => {
    await using sim = await startSim();
    const { files } = sim.sim.control.machine;
    files.set('/images/web.4711.part', '');
    files.set('/images/mail.4712.part', '');
    files.set('/images/web.part', '');
    files.set('/proc/4712/stat', '4712 (xenops) S');
    const { out } = await sim.exec('doctor', '--images', '/images');
    expect(out).toBe('file /images/web.4711.part\n');
    await sim.exec('doctor', '--images', '/images', '--repair');
    expect(files.has('/images/web.4711.part')).toBe(false);
    expect(files.has('/images/web.part')).toBe(true);
  });

  test('finds a device model without its domain, and ends it', async () => {
    await using sim = await startSim();
    const { services } = sim.host;
    const { identity } = await services.startProcess({
      path: '/usr/bin/qemu-system-i386',
      args: ['-xen-domid', '9'],
      env: {},
      log: { path: '/log', rotateBytes: 1 },
    });
    await sim.host.store.write('/libxl/9/xenops/device-model', `${identity.pid} 1`);
    expect((await sim.exec('doctor')).out).toContain(
      `device model ${identity.pid} of domain 9, which is gone\n`,
    );
    await sim.exec('doctor', '--repair');
    expect(await services.isAlive(identity)).toBe(false);
    expect(await sim.host.hypervisor.findDomain(domid(9))).toBeUndefined();
  });
});
