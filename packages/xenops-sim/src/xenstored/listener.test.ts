import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encodeRequest, FrameDecoder, type Request } from '@xenops/core/xenstore/wire';
import { OUTPUT_DROP_BYTES } from './limits.ts';
import { listenForStoreClients, type XenstoredListener } from './listener.ts';
import { StoreHarness } from './store-harness.test-helper.ts';

let folder = '';
let socketPath = '';
let listener: XenstoredListener;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xenstored-'));
  socketPath = path.join(folder, 'private', 'socket');
  listener = await listenForStoreClients({ xenstored: new StoreHarness().xenstored, socketPath });
});

afterEach(async () => {
  await listener[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function connect(): Promise<Socket> {
  const socket = createConnection({ path: socketPath });
  await once(socket, 'connect');
  return socket;
}

/** Sends requests in one piece and gives the first so many messages that come back, as text. */
async function talk(
  socket: Socket,
  requests: readonly Request[],
  count = requests.length,
): Promise<string[]> {
  socket.write(
    Buffer.concat(
      requests.map((request, index) =>
        encodeRequest(request, { requestId: index + 1, transactionId: 0 }),
      ),
    ),
  );
  const decoder = new FrameDecoder();
  const messages: string[] = [];
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      messages.push(`${frame.requestId}:${frame.payload.toString().replaceAll('\0', ' ').trim()}`);
    }
    if (messages.length >= count) return messages;
  }
}

test('the socket is for its owner alone', async () => {
  expect((await stat(path.dirname(socketPath))).mode & 0o777).toBe(0o700);
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
});

test('requests that come together are answered in order, with the ids of the asker', async () => {
  const socket = await connect();
  const answers = await talk(socket, [
    { name: 'write', path: '/a', value: Buffer.from('1') },
    { name: 'read', path: '/a' },
    { name: 'read', path: '/b' },
  ]);
  expect(answers).toEqual(['1:OK', '2:1', '3:ENOENT']);
  socket.destroy();
});

test('a watch is acknowledged before its first event, and identical waiting events are one', async () => {
  const socket = await connect();
  const messages = await talk(
    socket,
    [
      { name: 'watch', path: '/a', token: 't' },
      { name: 'write', path: '/a', value: Buffer.from('1') },
      { name: 'write', path: '/a', value: Buffer.from('2') },
    ],
    4,
  );
  expect(messages).toEqual(['1:OK', '0:/a t', '2:OK', '3:OK']);
  socket.destroy();
});

test('an event longer than a message is dropped, and the watch goes on', async () => {
  const socket = await connect();
  const token = 't'.repeat(4080);
  const answers = await talk(socket, [
    { name: 'watch', path: '/a', token },
    { name: 'write', path: `/a/${'b'.repeat(100)}`, value: Buffer.from('1') },
    { name: 'read', path: '/a' },
  ]);
  expect(answers.filter((answer) => !answer.startsWith('0:'))).toEqual(['1:OK', '2:OK', '3:']);
  socket.destroy();
});

test('a frame over the limit ends its connection and no other', async () => {
  const [bad, good] = [await connect(), await connect()];
  for (const length of [4097, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const sender = length === 4097 ? bad : await connect();
    const header = Buffer.alloc(16);
    header.writeUInt32LE(2, 0);
    header.writeUInt32LE(length, 12);
    sender.write(header);
    await once(sender, 'close');
  }
  expect(await talk(good, [{ name: 'read', path: '/tool' }])).toEqual(['1:']);
  good.destroy();
});

test('a client that goes takes its watches along', async () => {
  const [going, staying] = [await connect(), await connect()];
  await talk(going, [{ name: 'watch', path: '/', token: 't' }], 2);
  going.destroy();
  await once(going, 'close');
  expect(await talk(staying, [{ name: 'write', path: '/a', value: Buffer.from('1') }])).toEqual([
    '1:OK',
  ]);
  staying.destroy();
});

test('a client that reads nothing holds up nobody', async () => {
  const [deaf, busy] = [await connect(), await connect()];
  await talk(deaf, [{ name: 'watch', path: '/', token: 't' }], 2);
  deaf.pause();
  const value = Buffer.from('x');
  for (let round = 0; round < 20; round += 1) {
    const writes = Array.from({ length: 500 }, (_, index) => ({
      name: 'write' as const,
      path: `/n/${index}`,
      value,
    }));
    expect(await talk(busy, writes)).toHaveLength(500);
  }
  deaf.destroy();
  busy.destroy();
});

test('a client that leaves too many events unread is dropped', async () => {
  const [deaf, busy] = [await connect(), await connect()];
  await talk(deaf, [{ name: 'watch', path: '/', token: 't'.repeat(4000) }], 2);
  deaf.pause();
  const dropped = once(deaf, 'close');
  const value = Buffer.from('x');
  const requests = (2 * OUTPUT_DROP_BYTES) / 4000;
  for (let written = 0; written < requests; written += 500) {
    const writes = Array.from({ length: 500 }, (_, index) => ({
      name: 'write' as const,
      path: `/n/${written + index}`,
      value,
    }));
    expect(await talk(busy, writes)).toHaveLength(500);
  }
  deaf.resume();
  await dropped;
  expect(listener.connectionCount).toBe(1);
  busy.destroy();
});

test('a second listener is refused, a socket that a dead process has left is replaced', async () => {
  const xenstored = new StoreHarness().xenstored;
  await expect(listenForStoreClients({ xenstored, socketPath })).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
  });
  const stale = path.join(folder, 'stale');
  const dead = createServer().listen(stale);
  await once(dead, 'listening');
  // Moved away, the socket is not removed when its server closes.
  await mkdir(path.join(folder, 'again'), { mode: 0o700 });
  await rename(stale, path.join(folder, 'again', 'socket'));
  dead.close();
  await once(dead, 'close');
  const second = await listenForStoreClients({
    xenstored,
    socketPath: path.join(folder, 'again', 'socket'),
  });
  await second[Symbol.asyncDispose]();
});
