import { access, chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openSocketStore } from '@xenops/core/xenstore';
import { openSimHost } from '../open-sim-host.ts';
import { VirtualClock } from '../time/virtual-clock.ts';
import { startDaemon, type DaemonOptions } from './daemon.ts';
import { findLockHolder } from './folder-lock.ts';
import { IdleTimer } from './idle-timer.ts';
import { defaultSimFolder, simSocketPaths } from './socket-folder.ts';

let folder = '';
const start = (options: Partial<DaemonOptions> = {}): Promise<AsyncDisposable> =>
  startDaemon({
    folder,
    idleTimeoutMs: 0,
    onIdle: () => undefined,
    log: () => undefined,
    ...options,
  });

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(os.tmpdir(), 'xensim-')), 'host');
});
afterEach(async () => {
  await rm(path.dirname(folder), { recursive: true });
});

test('a daemon is reached at both sockets, and leaves none', async () => {
  const paths = simSocketPaths(folder);
  const daemon = await start();
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  const { hypervisor, xenstoreSocketPath } = await openSimHost(folder);
  const store = await openSocketStore(xenstoreSocketPath);
  expect(await store.read('/local/domain/0/name')).toBe('Domain-0');
  expect(await hypervisor.version()).toMatchObject({ extra: '.7-simulated' });
  expect(await findLockHolder(paths.lockFile)).toBe(process.pid);
  await store[Symbol.asyncDispose]();
  await hypervisor[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  for (const gone of [paths.hypervisorSocket, paths.xenstoreSocket, paths.lockFile]) {
    await expect(access(gone)).rejects.toMatchObject({ code: 'ENOENT' });
  }
});

test('a folder has one daemon; the second is told who it is; after it the folder is free', async () => {
  const daemon = await start();
  await expect(start()).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    context: { pid: process.pid },
  });
  await daemon[Symbol.asyncDispose]();
  const next = await start();
  await next[Symbol.asyncDispose]();
});

test('a folder that others can write to, or that is none, is refused and left as it is', async () => {
  await mkdir(folder, { mode: 0o755 });
  await chmod(folder, 0o777);
  await expect(start()).rejects.toThrow('Others can write');
  await chmod(folder, 0o755);
  const daemon = await start();
  expect((await stat(folder)).mode & 0o777).toBe(0o755);
  await daemon[Symbol.asyncDispose]();
  await expect(start({ folder: '/dev/null' })).rejects.toThrow();
});

test('a folder whose path is too long for a socket is refused in words', async () => {
  const long = path.join(folder, 'x'.repeat(100));
  await expect(start({ folder: long })).rejects.toThrow('at most 107 bytes');
});

test('a daemon is idle when nobody has been connected for a while', () => {
  const clock = new VirtualClock();
  let isIdle = false;
  using timer = new IdleTimer({ clock, timeoutMs: 1000, onIdle: () => void (isIdle = true) });
  timer.setCount(0);
  clock.advance(999);
  timer.setCount(1);
  clock.advance(5000);
  expect(isIdle).toBe(false);
  timer.setCount(0);
  clock.advance(1000);
  expect(isIdle).toBe(true);
});

test('the folder of plain sim: is in the run-time directory of the user', () => {
  expect(defaultSimFolder({ XDG_RUNTIME_DIR: '/run/user/5' })).toMatch(
    /^\/run\/user\/5\/xensim-\d+$/,
  );
  expect(path.dirname(defaultSimFolder({}))).toBe(os.tmpdir());
});
