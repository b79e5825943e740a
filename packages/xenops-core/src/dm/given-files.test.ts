import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Host } from '../host/host.ts';
import type { DiskStat } from '../hotplug/hotplug-services.ts';
import { closeMedia, giveMedium } from './given-files.ts';
import { QmpClient } from './qmp.ts';

interface Request {
  readonly execute: string;
  readonly arguments?: unknown;
  readonly id: number;
}

/** A qemu that returns what the test says, and keeps what it was asked. */
let folder: string;
let server: Server;
let qmp: QmpClient;
let peer: Socket;
let answers: Readonly<Record<string, unknown>>;
let asked: Request[];

function answer(line: string): void {
  const request = JSON.parse(line) as Request;
  asked.push(request);
  peer.write(`${JSON.stringify({ return: answers[request.execute] ?? {}, id: request.id })}\n`);
}

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'given-'));
  answers = {};
  asked = [];
  server = createServer((socket) => {
    peer = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => chunk.toString().trim().split('\n').forEach(answer));
    socket.write('{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\n');
  });
  await new Promise<void>((resolve) => void server.listen(path.join(folder, 'qmp'), resolve));
  qmp = await QmpClient.connect(path.join(folder, 'qmp'));
  asked = [];
  await writeFile(path.join(folder, 'a.iso'), '');
});
afterEach(async () => {
  await qmp[Symbol.asyncDispose]();
  await new Promise((resolve) => void server.close(resolve));
  await rm(folder, { recursive: true });
});

/** A host whose disks are of this kind, and that passes files by these descriptors. */
function hostOf(kind: DiskStat['kind'], passed?: number[]): Host {
  const sendOpenFile = (_socketFd: number, line: string, fileFd: number): void => {
    passed?.push(fileFd);
    answer(line);
  };
  const hotplug = {
    statDisk: async () => ({ kind }),
    ...(passed === undefined ? {} : { sendOpenFile }),
  };
  // Only this is asked for.
  return { uri: 'xen:', hotplug } as unknown as Host;
}
const medium = (): { drive: string; filePath: string } => ({
  drive: 'ide-5632',
  filePath: path.join(folder, 'a.iso'),
});

test.each([
  ['file', 'file'],
  ['block', 'host_device'],
] as const)(
  'a %s is opened by the driver %s, in a set that has the name of its drive',
  async (kind, driver) => {
    answers = { 'add-fd': { 'fdset-id': 4, fd: 9 } };
    const passed: number[] = [];
    const { set, fileName } = await giveMedium(hostOf(kind, passed), qmp, medium(), {});
    expect(set).toBe(4);
    expect(JSON.parse(fileName.replace(/^json:/, ''))).toEqual({
      file: { driver, filename: '/dev/fdset/4', locking: 'off' },
    });
    expect(passed).toHaveLength(1);
    expect(asked).toMatchObject([{ execute: 'add-fd', arguments: { opaque: 'ide-5632' } }]);
  },
);

test.each([[{}], [{ 'fdset-id': '4' }], [[]], [null]])(
  'an answer such as %j is none',
  async (wrong) => {
    answers = { 'add-fd': wrong };
    await expect(giveMedium(hostOf('file', []), qmp, medium(), {})).rejects.toMatchObject({
      code: 'DM_UNAVAILABLE',
    });
  },
);

test('nothing is given where files cannot be passed', async () => {
  await expect(giveMedium(hostOf('file'), qmp, medium(), {})).rejects.toMatchObject({
    code: 'DM_UNAVAILABLE',
  });
  expect(asked).toEqual([]);
});

test('the sets of the drive are closed but for the one that it has, and no others', async () => {
  const of = (set: number, opaque?: string): unknown => ({
    'fdset-id': set,
    fds: [{ fd: set + 10, ...(opaque === undefined ? {} : { opaque }) }],
  });
  answers = {
    'query-fdsets': [of(1), of(2, 'ide-5632'), of(3, 'ide-768'), of(4, 'ide-5632'), null, 7],
  };
  const now = { set: 4, fileName: '' };
  await closeMedia(qmp, { drive: 'ide-5632', now }, {});
  await closeMedia(qmp, { drive: 'ide-5632', now: undefined }, {});
  const removed = asked.filter(({ execute }) => execute === 'remove-fd');
  expect(removed.map((request) => request.arguments)).toEqual(
    [2, 2, 4].map((set) => ({ 'fdset-id': set })),
  );
});
