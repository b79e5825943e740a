import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import { encodeHistorical } from './framing-codec.ts';
import { FakePort } from './fake-port.test-helper.ts';
import { serveTasks, type RpcServer } from './rpc-server.ts';
import { makeTestFolder, TestClient } from './test-client.test-helper.ts';

let port: FakePort;
let server: RpcServer;
let folder: Awaited<ReturnType<typeof makeTestFolder>>;
let socketPath: string;
const reported: unknown[] = [];

beforeEach(async () => {
  reported.length = 0;
  port = new FakePort();
  folder = await makeTestFolder();
  socketPath = path.join(folder.folder, 'vm-test');
  server = await serveTasks({ socketPath, port, report: (error) => reported.push(error) });
});

afterEach(async () => {
  await server.close(100);
  await folder[Symbol.asyncDispose]();
});

const LINE = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"get-status"}\n');
const FRAME = encodeHistorical('{"method":"get-status","params":{},"id":1}');

async function connect(): Promise<Socket> {
  const socket = createConnection({ path: socketPath });
  // What it costs the sender is the sender's business.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function expectAlive(): Promise<void> {
  using client = await TestClient.connect(socketPath);
  client.send(LINE);
  expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 1, result: 'running' });
  expect(reported).toEqual([]);
}

/** Resolves when the server has let go of every connection. */
async function expectNoneLeft(): Promise<void> {
  while (server.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
}

test('whatever bytes come, in either framing, the service goes on', async () => {
  const head = fc.constantFrom('', '{', '{"id":1,', '\0\0\0\x10', '\0\0', '\xff\xff\xff\xff');
  const body = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(head, body, async (start, bytes) => {
      const socket = await connect();
      const closed = once(socket, 'close');
      socket.resume();
      socket.end(Buffer.concat([Buffer.from(start, 'latin1'), bytes]));
      await closed;
    }),
    { numRuns: 200 },
  );
  await expectAlive();
});

test.each([
  ['a line', LINE],
  ['a frame', FRAME],
] as const)('a client that hangs up behind any byte of %s leaves nothing', async (_what, bytes) => {
  for (let length = 0; length <= bytes.length; length += 1) {
    const socket = await connect();
    await new Promise((resolve) => void socket.write(bytes.subarray(0, length), resolve));
    socket.destroy();
  }
  await expectNoneLeft();
  await expectAlive();
});

test('one that hangs up while its answers are written costs only its own connection (D11)', async () => {
  const big = { id: 1, method: 'echo', params: { text: 'x'.repeat(500_000) } };
  for (let count = 0; count < 20; count += 1) {
    const socket = await connect();
    socket.pause();
    await new Promise((resolve) => void socket.write(`${JSON.stringify(big)}\n`, resolve));
    if (count % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  }
  await expectNoneLeft();
  await expectAlive();
});

test('one that leaves with tasks under way leaves them to their end, whose answers nobody gets', async () => {
  const client = await TestClient.connect(socketPath);
  const held = port.nextHeld();
  client.send({ jsonrpc: '2.0', id: 1, method: 'hold' });
  const call = await held;
  client.socket.destroy();
  await expectAlive();
  expect(call.signal.aborted).toBe(false);
  call.resolve({});
  await expectNoneLeft();
  await expectAlive();
});
