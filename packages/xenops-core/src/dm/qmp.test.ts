import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { QmpClient, type QmpEvent } from './qmp.ts';

const GREETING = '{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\n';

/** A qemu that answers as the test says. */
let folder: string;
let server: Server;
let sockets: Socket[];
let answer: (request: { execute: string; id: number; arguments?: unknown }, socket: Socket) => void;
const socketPath = (): string => path.join(folder, 'qmp');

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'qmp-'));
  sockets = [];
  answer = ({ id }, socket) => socket.write(`{"return": {}, "id": ${id}}\n`);
  server = createServer((socket) => {
    sockets.push(socket);
    socket.write(GREETING);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().trim().split('\n'))
        answer(JSON.parse(line) as Parameters<typeof answer>[0], socket);
    });
  });
  await new Promise<void>((resolve) => void server.listen(socketPath(), resolve));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => void server.close(resolve));
  await rm(folder, { recursive: true });
});

describe('a connection to a device model', () => {
  test('gives what a command returns, also when answers come in another order', async () => {
    await using qmp = await QmpClient.connect(socketPath());
    const held: (() => void)[] = [];
    answer = ({ execute, id }, socket) => {
      held.unshift(() => socket.write(`{"return": "${execute}", "id": ${id}}\n`));
      if (held.length === 2) held.forEach((send) => send());
    };
    expect(await Promise.all([qmp.execute('stop'), qmp.execute('cont')])).toEqual(['stop', 'cont']);
  });

  test('passes arguments, and leaves them out when there are none', async () => {
    await using qmp = await QmpClient.connect(socketPath());
    const seen: unknown[] = [];
    answer = ({ id, ...request }, socket) => {
      seen.push(request);
      socket.write(`{"return": {}, "id": ${id}}\n`);
    };
    await qmp.execute('eject', { id: 'ide-768' });
    await qmp.execute('stop');
    expect(seen).toEqual([{ execute: 'eject', arguments: { id: 'ide-768' } }, { execute: 'stop' }]);
  });

  test('quotes what qemu says about a failure, without its control characters', async () => {
    await using qmp = await QmpClient.connect(socketPath());
    answer = ({ id }, socket) =>
      socket.write(
        `{"error": {"class": "GenericError", "desc": "no \\u001b[31mmedium"}, "id": ${id}}\n`,
      );
    await expect(qmp.execute('eject')).rejects.toMatchObject({
      code: 'DM_COMMAND_FAILED',
      message: 'The device model did not eject: no \u{fffd}[31mmedium',
    });
  });

  test('tells events to every listener, also when one of them throws', async () => {
    await using qmp = await QmpClient.connect(socketPath());
    const seen: QmpEvent[] = [];
    using _bad = qmp.onEvent(() => {
      throw new Error('bad listener');
    });
    using _good = qmp.onEvent((event) => seen.push(event));
    answer = ({ id }, socket) =>
      socket.write(`{"event": "RESET", "data": {"guest": true}}\n{"return": {}, "id": ${id}}\n`);
    await qmp.execute('system_reset');
    expect(seen).toEqual([{ name: 'RESET', data: { guest: true } }]);
  });

  test('fails what is pending when qemu dies, and tells of it at once', async () => {
    await using qmp = await QmpClient.connect(socketPath());
    answer = (_request, socket) => socket.destroy();
    await expect(qmp.execute('stop')).rejects.toMatchObject({ code: 'DM_UNAVAILABLE' });
    await qmp.closed;
    await expect(qmp.execute('cont')).rejects.toMatchObject({ code: 'DM_UNAVAILABLE' });
  });

  test('gives up a command that is not answered in time', async () => {
    await using qmp = await QmpClient.connect(socketPath());
    answer = () => undefined;
    await expect(qmp.execute('stop', {}, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
  });

  test.each([
    ['no JSON', 'garbage\n'],
    ['no object', '[1]\n'],
    ['a line without an end', 'x'.repeat((1 << 20) + 1)],
  ])('is closed when it brings %s', async (_what, text) => {
    await using qmp = await QmpClient.connect(socketPath());
    answer = (_request, socket) => socket.write(text);
    await expect(qmp.execute('stop')).rejects.toMatchObject({ code: 'DM_UNAVAILABLE' });
  });

  test('cannot be made where nobody listens', async () => {
    await expect(QmpClient.connect(path.join(folder, 'none'))).rejects.toMatchObject({
      code: 'DM_UNAVAILABLE',
    });
  });
});
