/** The program as a process on an embedded host: in the background, killed, under systemd. Needs the build. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UUID } from '../rpc/fake-port.test-helper.ts';
import { makeTestFolder } from '../rpc/test-client.test-helper.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = path.join(PACKAGE, 'bin', 'xenvm.js');
const COMMAND = path.join(PACKAGE, 'bin', 'xenvm-cmd.js');
const SIMULATOR = path.join(PACKAGE, '..', 'xenops-sim', 'bin', 'xensimd.js');
const isBuilt = [PACKAGE, path.dirname(path.dirname(SIMULATOR))].every((folder) =>
  existsSync(path.join(folder, 'dist', 'bin')),
);
const testBuilt = isBuilt ? test : test.skip;
/** Seven processes of Node, one after the other, on a machine that may be busy. */
const TIMEOUT_MS = 60_000;
const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof makeTestFolder>>;
let simulator: ChildProcess;
let env: NodeJS.ProcessEnv;
let config: string;

beforeEach(async () => {
  folder = await makeTestFolder();
  const sim = path.join(folder.folder, 'sim');
  const child = spawn(process.execPath, [SIMULATOR, '--dir', sim], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  simulator = child;
  if (isBuilt) await once(createInterface({ input: child.stdout }), 'line');
  const sockets = path.join(folder.folder, 'run');
  env = { ...process.env, XENVM_SOCKET_DIR: sockets, XENOPS_CONNECT: `sim:${sim}` };
  config = path.join(folder.folder, 'vm.conf');
  await writeFile(config, `uuid=${UUID}\nmemory=16\nkernel=/boot/k\nstartup=shutdown\n`);
});

afterEach(async () => {
  if (simulator.exitCode === null && simulator.kill()) await once(simulator, 'exit');
  await folder[Symbol.asyncDispose]();
});

const WORDS = ['--monitor-dbus', 'false', '--monitor-json', 'true'];

async function command(...words: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [COMMAND, '--use-socket', ...words], { env });
  return stdout;
}

/** Resolves when the process is gone; its end is seen by tail(1), since it is no child of ours. */
async function waitForEnd(pid: number): Promise<void> {
  await run('tail', ['--pid', String(pid), '-f', '/dev/null']);
}

testBuilt(
  'the launcher ends when the VM is served, and passes on why it is not (D3)',
  async () => {
    const pidFile = path.join(folder.folder, 'pid');
    const words = [PROGRAM, '--config', config, ...WORDS, '--pid-file', pidFile];
    await run(process.execPath, words, { env });
    expect(await command(UUID, 'get-status')).toBe('shutdown\n');
    await expect(run(process.execPath, words, { env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Another process serves this VM'),
    });
    const pid = Number(await readFile(pidFile, 'utf8'));
    // Killed, it leaves socket and lock; the next one takes both over.
    process.kill(pid, 'SIGKILL');
    await run(process.execPath, words, { env });
    expect(await command(UUID, 'get-status')).toBe('shutdown\n');
    const last = Number(await readFile(pidFile, 'utf8'));
    expect(await command(UUID, 'quit')).toBe('');
    await waitForEnd(last);
  },
  TIMEOUT_MS,
);

/** The monitor in the foreground. */
function startMonitor(): ChildProcess {
  return spawn(process.execPath, [PROGRAM, '--config', config, ...WORDS, '--no-daemonize'], {
    env,
    stdio: 'ignore',
  });
}

testBuilt.each([
  ['killed', 'SIGKILL'],
  ['stopped', 'SIGSTOP'],
] as const)(
  'a monitor whose host was %s ends in order when it is told to (D10)',
  async (_how, signal) => {
    const changes = watch(folder.folder, { recursive: true });
    const monitor = startMonitor();
    while (!existsSync(path.join(folder.folder, 'run', `vm-${UUID}`)))
      await once(changes, 'change');
    changes.close();
    expect(await command(UUID, 'get-status')).toBe('shutdown\n');
    simulator.kill(signal);
    const ended = once(monitor, 'exit');
    monitor.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    simulator.kill('SIGKILL');
  },
  TIMEOUT_MS,
);

testBuilt(
  'a monitor that does not get to its host ends when it is told to',
  async () => {
    simulator.kill('SIGSTOP');
    const monitor = startMonitor();
    const ended = once(monitor, 'exit');
    // It says nothing before it has reached its host: long enough for it to be on the way there.
    await new Promise((resolve) => void setTimeout(resolve, 3000));
    monitor.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    simulator.kill('SIGKILL');
  },
  TIMEOUT_MS,
);

testBuilt(
  'systemd is told when it is ready and when it ends (NOTIFY_SOCKET)',
  async () => {
    const told = path.join(folder.folder, 'told');
    const helper = path.join(folder.folder, 'systemd-notify');
    await writeFile(helper, `#!/bin/sh\necho "$*" >> ${told}\n`);
    await chmod(helper, 0o755);
    const monitor = spawn(process.execPath, [PROGRAM, 'serve', '--monitor-dbus', 'false'], {
      env: { ...env, PATH: `${folder.folder}:${env['PATH'] ?? ''}`, NOTIFY_SOCKET: '/dev/null' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const changes = watch(folder.folder);
    while (!existsSync(told)) await once(changes, 'change');
    changes.close();
    expect(await command('control', 'list')).toBe('\n');
    const ended = once(monitor, 'exit');
    monitor.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await readFile(told, 'utf8')).toBe('--ready\nSTOPPING=1\n');
  },
  TIMEOUT_MS,
);
