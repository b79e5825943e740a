/** libxenstore as a transport where things go wrong: servers of a few lines that answer, hang or hang up. */
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { WireClient, type WatchEvent } from '@xenops/core/xenstore';
import { encodeFrame, FrameDecoder, MessageType, type Frame } from '@xenops/core/xenstore/wire';
import { StoreName } from './libxenstore.test-helper.ts';
import { BUILT_ADDON } from './load-addon.ts';
import { libxenstoreConnector } from './xenstore-transport.ts';

const addonPath = fileURLToPath(new URL('../build/Release/xenops.node', import.meta.url));

let name: StoreName;
let folder: string;
let server: Server;
let sockets: Socket[];
/** What the server does with a request; nothing unless a test says otherwise. */
let answer: (socket: Socket, frame: Frame) => void;

beforeAll(async () => {
  name = await StoreName.open();
});
afterAll(() => name[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xenstore-server-'));
  sockets = [];
  answer = () => undefined;
  server = createServer((socket) => {
    sockets.push(socket);
    const decoder = new FrameDecoder();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        answer(socket, frame);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'socket'), resolve));
  await name.lead(path.join(folder, 'socket'));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

/** Registers a test of the built addon; without one, the reason stands in the report. */
function testBuilt(title: string, body: () => Promise<void>): void {
  if (existsSync(addonPath) && BUILT_ADDON.exists()) test(title, body);
  else test.skip(`${title} (the addon is not built: npx xenops-native-build)`, body);
}

function reply(socket: Socket, { type, requestId }: Frame, payload: string): void {
  socket.write(encodeFrame({ type, requestId, transactionId: 0 }, [payload]));
}

async function hungUp(socket: Socket): Promise<void> {
  if (!socket.destroyed) await once(socket, 'close');
}

const threads = (): number => readdirSync('/proc/self/task').length;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

testBuilt('a daemon that is not there is XENSTORE_UNAVAILABLE', async () => {
  await name.lead(path.join(folder, 'missing'));
  const client = new WireClient(libxenstoreConnector());
  await expect(client.read('/a')).rejects.toMatchObject({ code: 'XENSTORE_UNAVAILABLE' });
});

testBuilt('errors of the daemon come through by their names', async () => {
  answer = (socket, frame) => {
    reply(socket, { ...frame, type: MessageType.error }, 'EACCES\0');
  };
  await using client = new WireClient(libxenstoreConnector());
  await expect(client.read('/a')).rejects.toMatchObject({
    code: 'XENSTORE_ACCESS',
    context: { path: '/a', wireError: 'EACCES' },
  });
});

testBuilt('a daemon that hangs up fails the request, and the next one connects anew', async () => {
  answer = (socket, frame) => {
    if (sockets.length === 1) socket.destroy();
    else reply(socket, frame, 'value');
  };
  await using client = new WireClient(libxenstoreConnector());
  await expect(client.read('/a')).rejects.toMatchObject({ code: 'XENSTORE_CLOSED' });
  expect(await client.read('/a')).toBe('value');
});

testBuilt('watches come back by themselves after the daemon has hung up', async () => {
  answer = (socket, frame) => {
    const token = frame.payload.toString().split('\0')[1] ?? '';
    reply(socket, frame, 'OK\0');
    reply(socket, { ...frame, type: MessageType.watchEvent, requestId: 0 }, `/a\0${token}\0`);
  };
  await using client = new WireClient(libxenstoreConnector());
  await using watch = await client.watch('/a');
  const events = watch[Symbol.asyncIterator]();
  expect((await events.next()).value).toEqual({ kind: 'changed', path: '/a' });
  sockets[0]?.destroy();
  const seen: (string | undefined)[] = [];
  while (!seen.includes('resync')) {
    const { value } = (await events.next()) as IteratorResult<WatchEvent, undefined>;
    seen.push(value?.kind);
  }
  expect(sockets).toHaveLength(2);
});

testBuilt('closing while the daemon hangs blocks nobody', async () => {
  const asked = new Promise<void>((resolve) => {
    answer = () => {
      resolve();
    };
  });
  const client = new WireClient(libxenstoreConnector());
  const pending = expect(client.read('/a')).rejects.toMatchObject({ code: 'XENSTORE_CLOSED' });
  await asked;
  await client[Symbol.asyncDispose]();
  await pending;
});

testBuilt('connections that come and go leave no thread and no descriptor behind', async () => {
  answer = (socket, frame) => {
    reply(socket, frame, 'value');
  };
  const comeAndGo = async (): Promise<void> => {
    // Past the client, which does not wait for the end.
    await new Promise<void>((resolve) => {
      const onClose = (): void => {
        resolve();
      };
      void libxenstoreConnector()({ onData: () => undefined, onClose }).then((transport) => {
        transport.close();
      });
    });
    await Promise.all(sockets.splice(0).map(hungUp));
  };
  await comeAndGo();
  const before = { threads: threads(), descriptors: descriptors() };
  for (let round = 0; round < 20; round += 1) await comeAndGo();
  expect(descriptors()).toBe(before.descriptors);
  // The last thread has told of its end and may be on its way out.
  expect(threads()).toBeLessThanOrEqual(before.threads + 1);
});
