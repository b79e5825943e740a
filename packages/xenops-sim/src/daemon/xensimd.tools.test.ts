/** The daemon as a process, and the tools of real Xen on its xenstored. What is not installed is said, not hidden. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openSocketStore } from '@xenops/core/xenstore';
import { openSimHost } from '../open-sim-host.ts';
import { findLockHolder } from './folder-lock.ts';
import { simSocketPaths } from './socket-folder.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = path.join(PACKAGE, 'bin', 'xensimd.js');
const isBuilt = existsSync(path.join(PACKAGE, 'dist', 'bin', 'xensimd.js'));
const hasTools = spawnSync('xenstore-ls', ['-h']).error === undefined;
const run = promisify(execFile);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xensimd-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Starts the daemon and gives it once it has printed its first line, or ended. */
async function start(
  ...args: string[]
): Promise<{ child: ChildProcess; line: string; errors: () => string }> {
  const child = spawn(process.execPath, [PROGRAM, '--dir', folder, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    once(child, 'close').then(() => ''),
  ]);
  return { child, line, errors: () => errors };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> {
  const ended = once(child, 'exit');
  child.kill(signal);
  return (await ended)[0];
}

const needs = (reason: string, isThere: boolean): typeof test => {
  if (isThere) return test;
  process.stderr.write(`Left out: ${reason}\n`);
  return test.skip as typeof test;
};
const testBuilt = needs('the daemon as a process, because it is not built (npx tsc -b)', isBuilt);
const testTools = needs(
  'the tools of Xen, because xenstore-utils is not installed',
  isBuilt && hasTools,
);

describe('the process', () => {
  testBuilt.each(['SIGTERM', 'SIGINT'] as const)(
    'says ready, and ends by %s without a trace',
    async (signal) => {
      const { child, line } = await start();
      expect(line).toBe('ready');
      expect(await stop(child, signal)).toBe(0);
      expect(await readdir(folder)).not.toContain('xensimd.pid');
      expect(await readdir(path.join(folder, 'xenstored'))).toEqual([]);
      expect(await readdir(path.join(folder, 'hypervisor'))).toEqual([]);
    },
  );

  testBuilt('refuses a folder that is in use, names the pid, and ends with 1', async () => {
    const first = await start();
    const second = await start();
    expect(second.line).toBe('');
    expect(second.child.exitCode).toBe(1);
    expect(second.errors()).toContain(`pid ${first.child.pid}`);
    await stop(first.child);
  });

  testBuilt('takes over the folder of one that was killed', async () => {
    const first = await start();
    await stop(first.child, 'SIGKILL');
    const second = await start();
    expect(second.line).toBe('ready');
    await stop(second.child);
  });

  testBuilt.each([
    [['--memory', 'lots'], '--memory takes a size'],
    [['--cpus', '0'], '--cpus takes a whole number from 1'],
    [['--fly'], "Unknown option '--fly'"],
  ])('%j is a usage error', async (args, text) => {
    const { child, errors } = await start(...args);
    expect(child.exitCode).toBe(2);
    expect(errors()).toContain(text);
  });

  testBuilt('ends by itself when nobody uses it', async () => {
    const { child } = await start('--idle-timeout', '1');
    const [status] = (await once(child, 'exit')) as [number];
    expect(status).toBe(0);
  });
});

testBuilt('four that want a host at once get the same one', async () => {
  const hosts = await Promise.all([1, 2, 3, 4].map(() => openSimHost(folder)));
  const [first] = hosts;
  const domid = await first?.hypervisor.createDomain({
    uuid: '11111111-2222-3333-4444-555555555555' as never,
    guestType: 'pv',
    maxVcpus: 1,
  });
  for (const { hypervisor } of hosts) {
    expect((await hypervisor.listDomains()).map((info) => info.domid)).toEqual([0, domid]);
    await hypervisor[Symbol.asyncDispose]();
  }
  const { lockFile, hypervisorSocket } = simSocketPaths(folder);
  const pid = await findLockHolder(lockFile);
  if (pid !== undefined) process.kill(pid, 'SIGTERM');
  await expectGone(hypervisorSocket);
});

/** Waits for the end of a process that is not our child: by the removal of what it holds. */
async function expectGone(file: string): Promise<void> {
  const watcher = watch(path.dirname(file));
  while (existsSync(file)) await once(watcher, 'change');
  watcher.close();
}

describe('the tools of Xen', () => {
  let child: ChildProcess;
  beforeEach(async () => {
    if (isBuilt) ({ child } = await start());
  });
  afterEach(async () => {
    if (isBuilt) await stop(child);
  });
  const tool = async (name: string, ...args: string[]): Promise<string> => {
    const { xenstoreSocket } = simSocketPaths(folder);
    const env = { ...process.env, XENSTORED_PATH: xenstoreSocket };
    return (await run(`xenstore-${name}`, args, { env })).stdout;
  };

  testTools('write, read, list, change permissions and remove', async () => {
    await tool('write', '/a/b', '1', '/a/c', '2');
    expect(await tool('read', '/a/b')).toBe('1\n');
    expect(await tool('list', '/a')).toBe('b\nc\n');
    await tool('chmod', '-r', '/a', 'n0', 'b0');
    expect(await tool('ls', '-f', '-p', '/a')).toContain('(n0,b0)');
    await tool('rm', '/a');
    await expect(tool('exists', '/a')).rejects.toMatchObject({ code: 1 });
    await expect(tool('read', '/a')).rejects.toMatchObject({
      stderr: "xenstore-read: couldn't read path /a\n",
    });
  });

  testTools('show the tree of a fresh host', async () => {
    expect(await tool('ls', '-f', '/local')).toBe(
      [
        '/local/domain = ""',
        '/local/domain/0 = ""',
        '/local/domain/0/domid = "0"',
        '/local/domain/0/name = "Domain-0"',
        '',
      ].join('\n'),
    );
  });

  testTools('watch', async () => {
    const { xenstoreSocket } = simSocketPaths(folder);
    const watching = spawn('xenstore-watch', ['-n', '2', '/w'], {
      env: { ...process.env, XENSTORED_PATH: xenstoreSocket },
    });
    const lines = createInterface({ input: watching.stdout });
    const seen: string[] = [];
    lines.on('line', (line) => seen.push(line));
    const ended = once(watching, 'close');
    // The tool buffers its output until it ends, so that nothing tells when its watch is there: we write until it has heard.
    await once(watching, 'spawn');
    const { hypervisor, xenstoreSocketPath } = await openSimHost(folder);
    const store = await openSocketStore(xenstoreSocketPath);
    const isOver = { value: false };
    void ended.then(() => (isOver.value = true));
    while (!isOver.value) {
      await store.write('/w/x', '1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toEqual(['/w', '/w/x']);
    await store[Symbol.asyncDispose]();
    await hypervisor[Symbol.asyncDispose]();
  });
});
