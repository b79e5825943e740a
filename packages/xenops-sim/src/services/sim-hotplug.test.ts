import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createSimHost, type SimHost } from '../sim-host.ts';
import { addDevice, waitForNode } from '../testing/sim-guest.test-helper.ts';
import { randomVmUuid } from '@xenops/core/ids';

let host: SimHost;

beforeEach(async () => {
  host = await createSimHost({
    scripts: {
      '/etc/xen/scripts/block': async ({ args }) => ({ exitStatus: 0, output: args.join(' ') }),
    },
  });
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

test('files lie behind loop devices, each behind one of its own', async () => {
  const { hotplug, control } = host;
  control.machine.disks.set('/disks/a.img', { kind: 'file', sizeBytes: 1024 });
  expect(await hotplug.statDisk('/disks/a.img')).toMatchObject({ kind: 'file' });
  expect(await hotplug.statDisk('/no/such')).toEqual({ kind: 'missing' });
  const one = await hotplug.attachLoop('/disks/a.img', { readOnly: false });
  const other = await hotplug.attachLoop('/disks/a.img', { readOnly: true });
  await hotplug.keepLoop(one.devicePath);
  expect([one.devicePath, other.devicePath]).toEqual(['/dev/loop0', '/dev/loop1']);
  await hotplug.detachLoop(one.devicePath);
  await hotplug.detachLoop(one.devicePath);
  expect(await hotplug.listLoops()).toMatchObject([{ minor: 1, filePath: '/disks/a.img' }]);
});

test("a vif's link is there once its back-end is up, and can join a bridge", async () => {
  const { hotplug, control, hypervisor, store } = host;
  control.machine.addBridge('xenbr0');
  const spec = { uuid: randomVmUuid(), guestType: 'pv', maxVcpus: 1 } as const;
  const domid = await hypervisor.createDomain(spec);
  const { frontend, backend } = await addDevice(host, domid, { kind: 'vif' });
  await waitForNode(host, `${backend}/state`, (state) => state === '2');
  const name = `vif${domid}.0`;
  await hotplug.joinBridge(name, 'xenbr0', { mtu: 9000 });
  const joined = { name, mtu: 9000, isUp: true, bridge: 'xenbr0' };
  expect(await hotplug.listLinks()).toContainEqual(joined);
  await hotplug.leaveBridge(name);
  await expect(hotplug.joinBridge('none', 'xenbr0')).rejects.toMatchObject({
    code: 'HOTPLUG_FAILED',
  });
  await store.rm(frontend);
  await waitForNode(host, `${backend}/state`, (state) => state === '6');
  await hotplug.leaveBridge(name);
  expect((await hotplug.listLinks()).map((link) => link.name)).toEqual(['xenbr0']);
});

test('a script is what the test says it is', async () => {
  const call = { args: ['add'], env: {}, timeoutMs: 1000 };
  const block = { ...call, path: '/etc/xen/scripts/block' };
  expect(await host.hotplug.runScript(block)).toEqual({ exitStatus: 0, output: 'add' });
  expect(await host.hotplug.runScript({ ...call, path: '/none' })).toMatchObject({
    exitStatus: 127,
  });
});
