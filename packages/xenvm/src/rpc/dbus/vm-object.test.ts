import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connectBus, type Bus, type DbusError } from '@xenops/rpcgen/runtime';
import { DbusTransport } from '../../notify/dbus-transport.ts';
import { FakePort, UUID } from '../fake-port.test-helper.ts';
import { startBus } from '../private-bus.test-helper.ts';
import { serveVmObject } from './vm-object.ts';

const run = promisify(execFile);
const NAME = 'org.xen.vm.uuid_11111111_2222_3333_4444_555555555555';
const PATH = '/org/xen/vm/11111111_2222_3333_4444_555555555555';
const POLICY = fileURLToPath(new URL('../../../units/org.xen.vm.conf', import.meta.url));

let daemon: Awaited<ReturnType<typeof startBus>>;
let server: Bus;
let client: Bus;
let served: AsyncDisposable;
let port: FakePort;
const reported: unknown[] = [];

beforeEach(async () => {
  reported.length = 0;
  daemon = await startBus();
  server = await connectBus({ address: daemon.address, timeoutMs: 5000 });
  client = await connectBus({ address: daemon.address, timeoutMs: 5000 });
  port = new FakePort();
  served = await serveVmObject({
    ...{ bus: server, uuid: UUID, port, isAlone: true },
    report: (error) => reported.push(error),
  });
});

afterEach(async () => {
  await client.close();
  await server.close();
  await daemon[Symbol.asyncDispose]();
});

function call(
  member: string,
  args: Readonly<Record<string, string>> = {},
  { path = PATH, output = '' } = {},
): Promise<readonly unknown[]> {
  const target = { destination: NAME, path, interface: NAME, member, input: 'a{ss}', output };
  return client.call(target, [new Map(Object.entries(args))]);
}

const errorOf = (calling: Promise<unknown>): Promise<DbusError> =>
  calling.then(
    () => Promise.reject(new Error('The call succeeded')),
    (error: unknown) => error as DbusError,
  );

describe('tasks', () => {
  test('answer with a text or nothing, at the path of the VM and at the root', async () => {
    expect(await call('get_status', {}, { output: 's' })).toEqual(['running']);
    expect(await call('start', { paused: 'true' }, { path: '/' })).toEqual([]);
  });

  test('that do not exist are UnknownMethod, so that nobody takes the monitor for dead (D36)', async () => {
    expect(await errorOf(call('fly'))).toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.UnknownMethod',
    });
  });

  test('that fail have a name of their own and the text that old managers look for', async () => {
    expect(await errorOf(call('halt'))).toMatchObject({
      errorName: 'org.xen.vm.Error.DomainWrongState',
      message: expect.stringMatching(
        /^exception: Vmact\.Vm_not_listening_shutdown_request\(4\): The guest did not answer$/,
      ),
    });
  });

  test('that meet a fault of ours say no more than that, and it is reported here', async () => {
    const { message } = await errorOf(call('break'));
    expect(message).not.toContain('secret');
    expect(reported).toHaveLength(1);
    expect(await call('get_status', {}, { output: 's' })).toEqual(['running']);
  });

  test('take one dictionary of texts and nothing else, and the service goes on (D33)', async () => {
    const wrong = { destination: NAME, path: PATH, interface: NAME, member: 'start' };
    const asked = client.call({ ...wrong, input: 'i', output: '' }, [1]);
    expect(await errorOf(asked)).toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.InvalidArgs',
    });
    expect(await call('start')).toEqual([]);
  });
});

test('tasks that have come since take typed arguments', async () => {
  const target = { destination: NAME, path: PATH, interface: 'org.xen.vm.Monitor' };
  const setVcpus = { ...target, member: 'set_vcpus', input: 'u', output: '' };
  expect(await client.call(setVcpus, [3])).toEqual([]);
  expect(port.events.snapshot().objects).toEqual({ vcpus: { count: 3 } });
  const getConfig = { ...target, member: 'get_config', input: 's', output: 's' };
  expect(await client.call(getConfig, ['next'])).toEqual(['{"which":"next"}']);
  expect(await errorOf(client.call({ ...setVcpus, input: 's' }, ['many']))).toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.InvalidArgs',
  });
});

test('busctl sees the methods and calls one', async () => {
  const { stdout: methods } = await run('busctl', [
    ...[`--address=${daemon.address}`, 'introspect', NAME, PATH],
  ]);
  expect(methods).toMatch(/\.get_status +method +a\{ss\} +s/);
  const { stdout } = await run('busctl', [
    ...[`--address=${daemon.address}`, 'call', NAME, PATH, NAME, 'get_status', 'a{ss}', '0'],
  ]);
  expect(stdout).toBe('s "running"\n');
});

test('a name that another monitor has is an error, and leaves nothing behind (D35)', async () => {
  const second = serveVmObject({
    ...{ bus: client, uuid: UUID, port: new FakePort(), isAlone: false },
    report: () => undefined,
  });
  await expect(second).rejects.toMatchObject({ code: 'DBUS_NAME_TAKEN' });
  expect(client.objects.introspect(PATH)).toBeUndefined();
});

test('the name is free after the end', async () => {
  await served[Symbol.asyncDispose]();
  expect(await client.findNameOwner(NAME)).toBeUndefined();
});

test('notifications are the historical signal', async () => {
  const rule = { path: PATH, interface: 'xenvm.signal.notify', member: 'notify' };
  const signals = await client.signals(rule);
  const transport = new DbusTransport(server, UUID, (error) => reported.push(error));
  transport.send({ uuid: UUID, code: 61_440, message: 'vm:state:running' });
  expect(await signals.next()).toMatchObject({
    value: { signature: 'sis', args: [UUID, 61_440, 'vm:state:running'] },
  });
  await signals.return?.();
  transport[Symbol.dispose]();
});

test('the policy file lets root serve and call, and nobody else', async () => {
  await using guarded = await startBus(POLICY);
  const monitor = await connectBus({ address: guarded.address, timeoutMs: 5000 });
  const port = new FakePort();
  await serveVmObject({ bus: monitor, uuid: UUID, port, isAlone: false, report: () => undefined });
  const words = ['call', NAME, PATH, NAME, 'get_status', 'a{ss}', '0'];
  const { stdout } = await run('busctl', [`--address=${guarded.address}`, ...words]);
  expect(stdout).toBe('s "running"\n');
  const socket = guarded.address.slice('unix:path='.length);
  await run('chmod', ['755', socket.replace(/\/socket$/, '')]);
  await run('chmod', ['777', socket]);
  const asNobody = run('busctl', [`--address=${guarded.address}`, ...words], {
    uid: 65_534,
    gid: 65_534,
  });
  await expect(asNobody).rejects.toMatchObject({ stderr: expect.stringMatching(/denied/i) });
  await monitor.close();
});
