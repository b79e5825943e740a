import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { rename, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import path from 'node:path';
import { AbortedError } from '@xenops/core/errors';
import { encodeHistorical } from './framing-codec.ts';
import { FakePort } from './fake-port.test-helper.ts';
import type { RpcLimits } from './limits.ts';
import { serveTasks, type RpcServer } from './rpc-server.ts';
import { makeTestFolder, TestClient } from './test-client.test-helper.ts';

let port: FakePort;
let server: RpcServer;
let folder: Awaited<ReturnType<typeof makeTestFolder>>;
let socketPath: string;

async function serve(limits: Partial<RpcLimits> = {}): Promise<void> {
  server = await serveTasks({ socketPath, port, limits, report: () => undefined });
}

beforeEach(async () => {
  port = new FakePort();
  folder = await makeTestFolder();
  socketPath = path.join(folder.folder, 'vm-test');
});

afterEach(async () => {
  await server.close(100);
  await folder[Symbol.asyncDispose]();
});

const call = (id: unknown, method: string, rest: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method,
  ...rest,
});

/** The server still answers somebody else. */
async function expectAlive(): Promise<void> {
  using other = await TestClient.connect(socketPath);
  other.send(call(1, 'get-status'));
  expect(await other.next()).toEqual({ jsonrpc: '2.0', id: 1, result: 'running' });
}

describe('requests', () => {
  test('run side by side on one connection, answered in any order', async () => {
    await serve();
    using client = await TestClient.connect(socketPath);
    const held = port.nextHeld();
    client.send(call('slow', 'hold'));
    client.send(call(2, 'get-status'));
    expect(await client.next()).toMatchObject({ id: 2, result: 'running' });
    (await held).resolve({});
    expect(await client.next()).toMatchObject({ id: 'slow', result: null });
  });

  test('give data where the task has some', async () => {
    await serve();
    using client = await TestClient.connect(socketPath);
    client.send(call(1, 'echo', { params: { words: ['a', 'b'], n: 1 } }));
    expect(await client.next()).toMatchObject({ result: { words: ['a', 'b'], n: 1 } });
  });

  test('tell how far they are to those who ask, and can be cancelled', async () => {
    await serve();
    using client = await TestClient.connect(socketPath);
    const held = port.nextHeld();
    client.send(call(1, 'hold', { progress: true }));
    const { onProgress, signal, reject } = await held;
    onProgress({ fraction: 0.5, stage: 'copying' });
    expect(await client.next()).toEqual({
      jsonrpc: '2.0',
      method: '$/progress',
      params: { id: 1, fraction: 0.5, stage: 'copying' },
    });
    signal.addEventListener('abort', () => reject(new AbortedError({ message: 'Stopped' })));
    client.send({ jsonrpc: '2.0', method: '$/cancel', params: { id: 1 } });
    expect(await client.next()).toMatchObject({
      id: 1,
      error: { code: -32002, message: 'Stopped', data: { name: 'ABORTED' } },
    });
  });

  test('a list of the tasks can be had', async () => {
    await serve();
    using client = await TestClient.connect(socketPath);
    client.send(call(1, '$/describe'));
    expect(await client.next()).toMatchObject({
      result: { protocolVersion: 1, tasks: expect.arrayContaining([expect.anything()]) },
    });
  });

  test.each([
    ['no JSON', '{oops\n', { id: null, error: { code: -32700 } }],
    ['no method', '{"id":4}\n', { id: 4, error: { code: -32600 } }],
    ['no id', '{"method":"start"}\n', { id: null, error: { code: -32600 } }],
    ['an id of another type', '{"id":{},"method":"start"}\n', { error: { code: -32600 } }],
    ['an unknown task', '{"id":1,"method":"fly"}\n', { id: 1, error: { code: -32601 } }],
    ['an unknown reserved name', '{"id":1,"method":"$/fly"}\n', { error: { code: -32601 } }],
    [
      'parameters in a list',
      '{"id":1,"method":"start","params":[]}\n',
      { error: { code: -32600 } },
    ],
    [
      'a value of no type',
      '{"id":1,"method":"start","params":{"a":null}}\n',
      { error: { code: -32602 } },
    ],
    [
      'a name that every object has',
      '{"id":1,"method":"constructor"}\n',
      { error: { code: -32601 } },
    ],
  ] as const)('%s is refused, and the connection goes on', async (_what, line, expected) => {
    await serve();
    using client = await TestClient.connect(socketPath);
    client.send(line);
    expect(await client.next()).toMatchObject(expected);
    client.send(call(9, 'get-status'));
    expect(await client.next()).toMatchObject({ id: 9, result: 'running' });
  });

  test('one over the limit of pending ones, or with an id that is in use, is refused', async () => {
    await serve({ pendingMax: 2 });
    using client = await TestClient.connect(socketPath);
    client.send(call(1, 'hold'));
    client.send(call(1, 'hold'));
    expect(await client.next()).toMatchObject({ id: 1, error: { code: -32600 } });
    client.send(call(2, 'hold'));
    client.send(call(3, 'hold'));
    expect(await client.next()).toMatchObject({ id: 3, error: { code: -32004 } });
    for (const { resolve } of port.held) resolve({});
  });
});

describe('events', () => {
  test('come after a snapshot, and can be resumed on another connection', async () => {
    await serve();
    port.events.set('vm', { state: 'running' });
    {
      using client = await TestClient.connect(socketPath);
      client.send(call(1, '$/subscribe'));
      expect(await client.next()).toMatchObject({ result: { epoch: 'epoch-1', sequence: 1 } });
      expect(await client.next()).toMatchObject({
        method: '$/event',
        params: { kind: 'snapshot', sequence: 1, objects: { vm: { state: 'running' } } },
      });
      port.events.set('vm', { state: 'paused' });
      expect(await client.next()).toMatchObject({ params: { kind: 'set', sequence: 2 } });
    }
    port.events.remove('vm');
    using client = await TestClient.connect(socketPath);
    client.send(call(1, '$/subscribe', { params: { epoch: 'epoch-1', sequence: 2 } }));
    await client.next();
    expect(await client.next()).toMatchObject({
      params: { kind: 'removed', sequence: 3, object: 'vm' },
    });
  });

  test('one who does not read costs a bounded amount and gets a snapshot for what it missed', async () => {
    await serve({ unsentBytesHigh: 4096 });
    using client = await TestClient.connect(socketPath);
    client.socket.pause();
    client.send(call(1, '$/subscribe'));
    await expectAlive();
    for (let n = 0; n < 3000; n += 1) port.events.set('vm', { n, text: 'x'.repeat(1000) });
    client.socket.resume();
    await client.next();
    const seen: unknown[] = [];
    for (;;) {
      const { params } = await client.next();
      seen.push(params);
      if (JSON.stringify(params).includes('"n":2999')) break;
    }
    expect(seen.length).toBeLessThan(2000);
    expect(seen.slice(1)).toContainEqual(expect.objectContaining({ kind: 'snapshot' }));
  });
});

describe('hostile clients', () => {
  test('one that never reads is closed, and the others go on', async () => {
    await serve({ unsentBytesHigh: 4096, stallTimeoutMs: 50 });
    const client = createConnection({ path: socketPath });
    await once(client, 'connect');
    client.pause();
    const closed = new Promise((resolve) => void client.once('close', resolve));
    client.on('error', () => undefined);
    const big = call(1, 'echo', { params: { text: 'x'.repeat(100_000) } });
    const flood = `${JSON.stringify(big)}\n`;
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    // Writes fail once the server has closed; reading never starts.
    const pump = (): void => {
      if (isClosed || client.destroyed) return;
      client.write(flood, (error) => {
        if (error === undefined || error === null) setImmediate(pump);
      });
    };
    pump();
    await closed;
    await expectAlive();
  });

  test.each([
    ['a line without end', `{${'x'.repeat(3000)}`],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0xfe, 0x0a])],
  ] as const)('%s is answered with an error and the end', async (_what, bytes) => {
    await serve({ requestBytesMax: 2000 });
    using client = await TestClient.connect(socketPath);
    client.send(bytes);
    expect(JSON.parse(await client.ended)).toMatchObject({ id: null, error: { code: -32700 } });
    await expectAlive();
  });

  test.each([
    ['says nothing', ''],
    ['stops inside a request', '{"id":1,'],
    ['stops inside a length', '\0\0'],
    ['stops inside a frame', '\0\0\0\x10{'],
  ])('one that %s is closed when its time is over', async (_what, text) => {
    await serve({ requestTimeoutMs: 40 });
    using client = await TestClient.connect(socketPath);
    if (text !== '') client.send(text);
    expect(await client.ended).toBe('');
    await expectAlive();
  });

  test('more connections than allowed are closed at once', async () => {
    await serve({ connectionsMax: 2 });
    using first = await TestClient.connect(socketPath);
    using _second = await TestClient.connect(socketPath);
    using third = await TestClient.connect(socketPath);
    expect(await third.ended).toBe('');
    first.send(call(1, 'get-status'));
    expect(await first.next()).toMatchObject({ result: 'running' });
  });

  test('one that says all at once and hangs up half gets every answer', async () => {
    await serve();
    using client = await TestClient.connect(socketPath);
    const held = port.nextHeld();
    client.send(call(1, 'hold'));
    client.socket.end(`${JSON.stringify(call(2, 'get-status'))}\n`);
    expect(await client.next()).toMatchObject({ id: 2 });
    (await held).resolve({});
    expect(await client.next()).toMatchObject({ id: 1, result: null });
    await client.ended;
  });
});

describe('the socket', () => {
  test('is for root alone without a group, and for root and the group with one', async () => {
    await serve();
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    await server.close(10);
    server = await serveTasks({
      socketPath,
      gid: process.getgid?.(),
      port,
      report: () => undefined,
    });
    expect((await stat(socketPath)).mode & 0o777).toBe(0o660);
  });

  test('is not taken from somebody who listens, and is taken over when nobody does (D5)', async () => {
    await serve();
    await expect(serveTasks({ socketPath, port, report: () => undefined })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
    await expectAlive();
    const stalePath = path.join(folder.folder, 'stale');
    const stale = createServer();
    stale.listen(stalePath);
    await once(stale, 'listening');
    await rename(stalePath, `${stalePath}2`);
    stale.close();
    const taken = await serveTasks({ socketPath: `${stalePath}2`, port, report: () => undefined });
    await taken.close(10);
  });

  test('is gone after closing, and what was under way has been answered', async () => {
    await serve();
    using client = await TestClient.connect(socketPath);
    const held = port.nextHeld();
    client.send(call(1, 'hold'));
    const task = await held;
    const closed = server.close(5000);
    task.resolve({});
    expect(await client.next()).toMatchObject({ id: 1 });
    await client.ended;
    await closed;
    await expect(stat(socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
    await serve();
  });

  test('speaks both framings at the same time', async () => {
    await serve();
    using modern = await TestClient.connect(socketPath);
    using old = await TestClient.connect(socketPath);
    old.send(encodeHistorical('{"method":"get-status","params":{},"id":1}'));
    modern.send(call(1, 'get-status'));
    expect(await old.ended).toContain('"result": "running"');
    expect(await modern.next()).toMatchObject({ result: 'running' });
  });
});
