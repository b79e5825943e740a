import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { AbortedError } from '@xenops/core/errors';
import { EventLog, type EventItem } from '../notify/event-log.ts';
import { FakePort, UUID } from '../rpc/fake-port.test-helper.ts';
import { startBus } from '../rpc/private-bus.test-helper.ts';
import { serveTasks, type RpcServer } from '../rpc/rpc-server.ts';
import { makeTestFolder } from '../rpc/test-client.test-helper.ts';
import { callHistorical } from './historical-call.ts';
import { runCommand } from './run-command.ts';
import { connectVm } from './vm-client.ts';
import { watchVm } from './watch-vm.ts';

let port: FakePort;
let server: RpcServer;
let folder: Awaited<ReturnType<typeof makeTestFolder>>;
let socketPath: string;
const limits = { timeoutMs: 5000 };

beforeEach(async () => {
  port = new FakePort();
  folder = await makeTestFolder();
  socketPath = path.join(folder.folder, `vm-${UUID}`);
  server = await serveTasks({ socketPath, port, report: () => undefined });
});

afterEach(async () => {
  await server.close(50);
  await folder[Symbol.asyncDispose]();
});

describe('a client', () => {
  test('gets results, data, errors with their names, and progress', async () => {
    await using client = await connectVm({ socketPath, ...limits });
    expect(await client.call('get-status')).toBe('running');
    expect(await client.call('echo', { a: '1' })).toEqual({ a: '1' });
    await expect(client.call('halt')).rejects.toMatchObject({
      code: 'DOMAIN_WRONG_STATE',
      rpcCode: -32_001,
      context: { state: 'running' },
    });
    const held = port.nextHeld();
    const stages: unknown[] = [];
    const result = client.call('hold', {}, { onProgress: (progress) => stages.push(progress) });
    const call = await held;
    call.onProgress({ fraction: 0.25, stage: 'building' });
    call.resolve({ text: 'done' });
    expect(await result).toBe('done');
    expect(stages).toEqual([{ fraction: 0.25, stage: 'building' }]);
  });

  test('cancels by its signal and by its time-out', async () => {
    await using client = await connectVm({ socketPath, ...limits });
    const stop = new AbortController();
    const held = port.nextHeld();
    const result = client.call('hold', {}, { signal: stop.signal });
    const { signal, reject } = await held;
    const cancelled = once(signal, 'abort');
    stop.abort();
    await expect(result).rejects.toMatchObject({ code: 'ABORTED' });
    await cancelled;
    reject(new AbortedError({ message: 'Stopped' }));
    const second = port.nextHeld();
    await expect(client.call('hold', {}, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const { signal: timedOut } = await second;
    if (!timedOut.aborted) await once(timedOut, 'abort');
    expect(await client.call('get-status')).toBe('running');
  });

  test('is told when the monitor goes away', async () => {
    await using client = await connectVm({ socketPath, ...limits });
    const held = port.nextHeld();
    const result = client.call('hold');
    await held;
    const [outcome] = await Promise.allSettled([result, server.close(0)]);
    expect(outcome).toMatchObject({ reason: { code: 'CONNECT_FAILED' } });
    await expect(connectVm({ socketPath, ...limits })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
  });

  test('survives a server that talks nonsense', async () => {
    const bogus = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('{"id":1,"result":\n[[[\n');
    });
    const at = path.join(folder.folder, 'bogus');
    bogus.listen(at);
    await once(bogus, 'listening');
    await using client = await connectVm({ socketPath: at, ...limits });
    await expect(client.call('get-status')).rejects.toHaveProperty('code');
    await expect(
      callHistorical({ socketPath: at, task: 'get-status', ...limits }),
    ).rejects.toMatchObject({ code: 'PROTOCOL_REMOTE' });
    bogus.close();
  });
});

test('a watcher goes on over a restart of the monitor, with a snapshot for what it missed', async () => {
  port.events.set('vm', { state: 'running' });
  const stop = new AbortController();
  const items: EventItem[] = [];
  const next = async (): Promise<unknown> => (await watcher.next()).value;
  const watcher = watchVm({ socketPath, ...limits, signal: stop.signal });
  expect(await next()).toMatchObject({ kind: 'snapshot', objects: { vm: { state: 'running' } } });
  port.events.notice(61_440, ['vm', 'state', 'paused']);
  expect(await next()).toMatchObject({ kind: 'notice', parts: ['vm', 'state', 'paused'] });
  await server.close(0);
  const events = new EventLog('epoch-2');
  events.set('vm', { state: 'shutdown' });
  const reborn = Object.assign(new FakePort(), { events });
  server = await serveTasks({ socketPath, port: reborn, report: () => undefined });
  expect(await next()).toMatchObject({ epoch: 'epoch-2', objects: { vm: { state: 'shutdown' } } });
  const last = watcher.next();
  stop.abort();
  expect(await last).toEqual({ done: true, value: undefined });
  expect(items).toEqual([]);
});

describe('xenvm-cmd', () => {
  async function run(
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
    let [out, err] = ['', ''];
    const status = await runCommand({
      words,
      env: { XENVM_SOCKET_DIR: folder.folder, ...env },
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      signal: new AbortController().signal,
    });
    return { status, out, err };
  }

  test.each([
    ['a text', ['--use-socket', UUID, 'get-status'], { status: 0, out: 'running\n', err: '' }],
    ['nothing', ['--use-socket', UUID, 'start', 'paused=true'], { status: 0, out: '', err: '' }],
    ['JSON', ['--json', UUID, 'echo', 'a=b=c'], { status: 0, out: '{"a":"b=c"}\n', err: '' }],
    ['text where there is data too', ['--use-socket', UUID, 'echo', 'a=b'], { out: '{"a":"b"}\n' }],
    ['null as JSON', ['--json', UUID, 'start'], { status: 0, out: 'null\n' }],
    [
      'an error',
      ['--use-socket', UUID, 'halt'],
      { status: 1, err: 'error: The guest did not answer\n' },
    ],
    [
      'an unknown task',
      ['--use-socket', UUID, 'fly'],
      { status: 1, err: 'error: There is no task fly\n' },
    ],
    [
      'no uuid',
      [],
      { status: 1, out: '', err: expect.stringMatching(/^error: missing uuid\nusage:/) },
    ],
    ['no task', [UUID], { status: 1, err: expect.stringMatching(/^error: missing query\nusage:/) }],
    [
      'a word without =',
      [UUID, 'checkpoint', 'file'],
      { status: 1, err: expect.stringContaining('key=value') },
    ],
    [
      'time',
      ['--use-socket', '--reply-timeout', '0.03', UUID, 'hold'],
      { status: 1, err: 'timeout\n' },
    ],
    [
      'nobody there',
      ['--use-socket', UUID.replaceAll('1', '9'), 'get-status'],
      { status: 1, err: 'cannot send command to xenvm. it is dead ?\n' },
    ],
    [
      'an error as JSON',
      ['--json', UUID, 'halt'],
      { status: 1, err: expect.stringContaining('"code":"DOMAIN_WRONG_STATE"') },
    ],
  ])('with %s', async (_what, words, expected) => {
    expect(await run(words)).toMatchObject(expected);
  });

  test('over a bus where no monitor is says what it always said', async () => {
    await using bus = await startBus();
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = bus.address;
    expect(await run([UUID, 'get-status'])).toMatchObject({
      status: 1,
      err: 'cannot send command to xenvm. it is dead ?\n',
    });
  });

  test('shows progress on standard error', async () => {
    const held = port.nextHeld();
    const done = run(['--progress', UUID, 'hold']);
    const call = await held;
    call.onProgress({ fraction: 0.5, stage: 'saving' });
    call.resolve({});
    expect(await done).toEqual({ status: 0, out: '', err: '50 % saving\n' });
  });
});
