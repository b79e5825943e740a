import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { QmpClient } from '@xenops/core/dm';
import { createSimHost, type SimHost, type SimHostOptions } from '../sim-host.ts';
import { waitForNode } from '../testing/sim-guest.test-helper.ts';

let folder = '';
let host: SimHost;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xensim-'));
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

type Started = Awaited<ReturnType<SimHost['services']['startProcess']>>;

async function start(
  options: SimHostOptions = {},
  inputs: Readonly<Record<number, string>> = {},
): Promise<Started> {
  host = await createSimHost({ runFolder: folder, ...options });
  return startAnother('7', inputs);
}

const startAnother = (
  domid: string,
  inputs: Readonly<Record<number, string>> = {},
): Promise<Started> =>
  host.services.startProcess({
    path: '/usr/libexec/xen-qemu-system-i386',
    args: [
      ...['-xen-domid', domid, '-name', 'guest', '-vnc', '127.0.0.1:3,to=99'],
      ...['-chardev', `socket,id=c,path=${folder}/qmp-${domid},server=on,wait=off`],
      ...Object.keys(inputs).flatMap((fd) => ['-incoming', `fd:${fd}`]),
    ],
    env: {},
    log: { path: `/var/log/xen/qemu-${domid}.log`, rotateBytes: 1000 },
    inputs,
  });

const isRunning = (domid: string): Promise<void> =>
  waitForNode(host, `/local/domain/0/device-model/${domid}/state`, (text) => text === 'running');

test('a device model says that it runs, answers QMP, and ends on a signal', async () => {
  const { identity, exited } = await start();
  await isRunning('7');
  await using qmp = await QmpClient.connect(path.join(folder, 'qmp-7'));
  const events: string[] = [];
  qmp.onEvent(({ name }) => void events.push(name));
  expect(await qmp.execute('query-status')).toEqual({ running: true, status: 'running' });
  await qmp.execute('stop');
  expect(await qmp.execute('query-status')).toMatchObject({ running: false });
  expect(await qmp.execute('query-vnc')).toMatchObject({ host: '127.0.0.1', service: '5903' });
  await qmp.execute('device_add', { driver: 'xen-pci-passthrough', id: 'pci-1' });
  expect(JSON.stringify(await qmp.execute('query-pci'))).toContain('pci-1');
  await qmp.execute('device_del', { id: 'pci-1' });
  await expect(qmp.execute('device_del', { id: 'pci-1' })).rejects.toMatchObject({
    code: 'DM_COMMAND_FAILED',
  });
  await expect(qmp.execute('no-such-command')).rejects.toMatchObject({ code: 'DM_COMMAND_FAILED' });
  expect(events).toEqual(['STOP', 'DEVICE_DELETED']);
  expect(await host.services.isAlive(identity)).toBe(true);
  await host.services.signalProcess(identity, 'SIGHUP');
  expect(await exited).toBe(0);
  expect(await host.services.isAlive(identity)).toBe(false);
});

test('what one saves another takes over, and nothing else', async () => {
  await start();
  await isRunning('7');
  const file = path.join(folder, 'qemu-save');
  {
    await using qmp = await QmpClient.connect(path.join(folder, 'qmp-7'));
    await qmp.execute('device_add', { driver: 'usb-tablet', id: 'tablet' });
    await qmp.execute('xen-save-devices-state', { filename: file, live: false });
  }
  await startAnother('8', { 9: file });
  await isRunning('8');
  await using qmp = await QmpClient.connect(path.join(folder, 'qmp-8'));
  expect(JSON.stringify(await qmp.execute('query-pci'))).toContain('tablet');
  const { exited } = await startAnother('9', { 9: '/dev/null' });
  expect(await exited).toBe(1);
  expect(await host.services.readLog('/var/log/xen/qemu-9.log')).toContain('holds no state');
});

test('one that dies at its start leaves a word in its log', async () => {
  const { exited } = await start({ deviceModelFailure: 'die-start' });
  expect(await exited).toBe(1);
  expect(await host.services.readLog('/var/log/xen/qemu-7.log')).toContain('cannot start');
});

test('a program that is not there cannot be started', async () => {
  host = await createSimHost({ runFolder: folder });
  const log = { path: '/log', rotateBytes: 1 };
  const started = host.services.startProcess({ path: '/bin/none', args: [], env: {}, log });
  await expect(started).rejects.toThrow('ENOENT');
});
