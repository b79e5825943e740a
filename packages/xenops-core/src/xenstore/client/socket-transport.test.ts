import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { socketConnector } from './socket-transport.ts';

let folder: string;
let server: Server;
let accepted: Promise<Socket>;

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'xenops-socket-'));
  server = createServer();
  accepted = new Promise((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'socket'), resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const silent = { onData: () => undefined, onClose: () => undefined };

test('a socket that nobody has made is XENSTORE_UNAVAILABLE, with its path', async () => {
  const missing = path.join(folder, 'missing');
  await expect(socketConnector(missing)(silent)).rejects.toMatchObject({
    code: 'XENSTORE_UNAVAILABLE',
    context: { path: missing },
  });
});

test('messages of one turn leave together and in order', async () => {
  const transport = await socketConnector(path.join(folder, 'socket'))(silent);
  const peer = await accepted;
  const arrived = new Promise<string>((resolve) =>
    peer.once('data', (chunk) => resolve(String(chunk))),
  );
  for (const text of ['one ', 'two ', 'three']) transport.send(Buffer.from(text));
  expect(await arrived).toBe('one two three');
  transport.close();
});

test('what the daemon sends arrives, and its end is told once', async () => {
  const seen: string[] = [];
  const closed = new Promise<Error | undefined>((resolve) => {
    void socketConnector(path.join(folder, 'socket'))({
      onData: (chunk) => seen.push(Buffer.from(chunk).toString()),
      onClose: (cause) => resolve(cause),
    });
  });
  const peer = await accepted;
  peer.end('last words');
  expect(await closed).toBeUndefined();
  expect(seen.join('')).toBe('last words');
});

test('what has come stays as it is when more comes', async () => {
  const chunks: Uint8Array[] = [];
  let wake = (): void => undefined;
  const transport = await socketConnector(path.join(folder, 'socket'))({
    ...silent,
    onData: (chunk) => {
      chunks.push(chunk);
      wake();
    },
  });
  const peer = await accepted;
  for (const text of ['first', 'other']) {
    const arrived = new Promise<void>((resolve) => (wake = resolve));
    peer.write(text);
    await arrived;
  }
  expect(chunks.map((chunk) => Buffer.from(chunk).toString())).toEqual(['first', 'other']);
  transport.close();
});
