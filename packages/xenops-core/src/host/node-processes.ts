/** Processes of this machine, told apart by pid and start time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readFile, rename, stat, type FileHandle } from 'node:fs/promises';
import { CleanupStack } from '../lifetime/cleanup-stack.ts';
import { guestText } from '../parse/guest-text.ts';
import { systemClock } from './clock.ts';
import type { ProcessIdentity, ProcessSpec, StartedProcess, SystemUser } from './host-services.ts';
import { isNotFound } from './not-found.ts';

const LOG_TAIL_BYTES = 1024;
/** Between two looks at a process that is not our child; the bound doubles up to the second. */
const LOOK_MS = 5;
const LOOK_MAX_MS = 1000;

/** Start time of a process; undefined when there is none with this pid, or only its remains (state Z). */
export async function findStartTicks(pid: number): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  // The second field is the command in parentheses and may contain anything; the third is the state.
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : fields[18];
}

/**
 * What becomes the program itself once it has isolated it: util-linux's commands, in the same process. The limits are libxl's (libxl_linux.c,
 * `rlimits`) without that of files, which would hold for disks too, and with one of processes: qemu has up to 64 threads for its disks.
 */
const ISOLATION = [
  ...['/usr/bin/unshare', '--mount', '--ipc', '--'],
  ...['/usr/bin/prlimit', '--core=0', '--memlock=0', '--locks=0', '--msgqueue=0', '--nproc=128'],
  ...['/usr/bin/setpriv', '--no-new-privs', '--'],
];

/** Starts a program in a session of its own, which goes on when this process ends. */
export async function startProcess({
  path,
  args,
  env,
  log,
  inputs = {},
  updates = {},
  isIsolated = false,
}: ProcessSpec): Promise<StartedProcess> {
  await using files = new CleanupStack();
  const output = await openLog(log);
  files.push('the log', () => output.close());
  const passed = [
    ...Object.entries(inputs).map(([descriptor, file]) => ({ descriptor, file, flags: 'r' })),
    ...Object.entries(updates).map(([descriptor, file]) => ({ descriptor, file, flags: 'r+' })),
  ];
  const highest = Math.max(2, ...passed.map(({ descriptor }) => Number(descriptor)));
  const stdio: ('ignore' | number)[] = Array<'ignore' | number>(highest + 1).fill('ignore');
  stdio[1] = stdio[2] = output.fd;
  for (const { descriptor, file, flags } of passed) {
    const handle = await open(file, flags);
    files.push(file, () => handle.close());
    stdio[Number(descriptor)] = handle.fd;
  }
  const [program = '', ...words] = [...(isIsolated ? ISOLATION : []), path, ...args];
  const child = spawn(program, words, {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
    stdio,
  });
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? -1));
    child.once('error', () => resolve(-1));
  });
  await once(child, 'spawn');
  child.unref();
  const pid = child.pid ?? 0;
  return { identity: { pid, startTicks: (await findStartTicks(pid)) ?? '' }, exited };
}

/** See `HostServices`. */
export async function exitStatusOf(path: string, args: readonly string[]): Promise<number> {
  const child = spawn(path, [...args], { cwd: '/', stdio: 'ignore' });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status ?? -1;
}

/** Appends to the log; a large one is put aside first. A link in its place is not followed. */
async function openLog({ path, rotateBytes }: ProcessSpec['log']): Promise<FileHandle> {
  try {
    if ((await stat(path)).size > rotateBytes) await rename(path, `${path}.1`);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
  return open(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
}

/** Sends a signal to that very process; false when it is gone. */
export async function signalProcess(
  { pid, startTicks }: ProcessIdentity,
  signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL',
): Promise<boolean> {
  if ((await findStartTicks(pid)) !== startTicks) return false;
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** A killer that others kill first is sent again this often. */
const KILLERS_MAX = 16;
/** Nobody's: killers that are to be safe from their victims have it, and may kill each other. */
const KILLER_UID = 4_294_967_294;
/**
 * `kill(-1)` with the rights of a user whose processes have none over it: those go by the real and the saved user of a victim, these by the effective one
 * (kill(2)). Neither Node.js nor the shell can part them. What is root's is out of reach once the real user is not root.
 */
const SAFE_KILLER = '($<, $>) = @ARGV; exit 1 unless $< == $ARGV[0] && $> == $ARGV[1]; kill 9, -1';

/**
 * Kills every process of a user at once, by `kill(-1)` as that user: who forks without end is not caught one by one. Victims can kill such a killer, so
 * the next is one that they cannot; it is sent again until one has come to its end by itself.
 */
export async function killUser({ uid, gid }: SystemUser): Promise<void> {
  if (!isOrdinary(uid) || !isOrdinary(gid)) throw new RangeError(`User ${uid} is not to be killed`);
  for (let sent = 0; sent < KILLERS_MAX; sent += 1) {
    const killer =
      sent === 0
        ? spawn('/bin/sh', ['-c', 'kill -KILL -1'], { cwd: '/', uid, gid, stdio: 'ignore' })
        : spawn('/usr/bin/perl', ['-e', SAFE_KILLER, String(KILLER_UID), String(uid)], {
            ...{ cwd: '/', env: {}, stdio: 'ignore' },
          });
    const [status] = (await once(killer, 'exit')) as [number | null];
    // The shell fails where there is nobody to kill, the other one when it did not become who it is to be.
    if (status === 0 || (status !== null && sent === 0)) return;
  }
  throw new Error(`The processes of user ${uid} withstood ${KILLERS_MAX} attempts to kill them`);
}

/** No user or group of the system's own. */
const isOrdinary = (id: number): boolean => Number.isInteger(id) && id >= FIRST_ORDINARY_ID;
const FIRST_ORDINARY_ID = 100;

/** Resolves when the process is gone. Only its parent is told of that by the system, so we look at growing intervals. */
export async function processEnd(
  { pid, startTicks }: ProcessIdentity,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = LOOK_MS; (await findStartTicks(pid)) === startTicks;) {
    signal.throwIfAborted();
    await new Promise<void>((resolve) => void systemClock.startTimer(pauseMs, resolve));
    pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS);
  }
}

/** The last 1 KiB of a log, fit for a message; empty without one. */
export async function readLog(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const start = Math.max(0, size - LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read({
      position: start,
      buffer: Buffer.alloc(LOG_TAIL_BYTES),
    });
    return guestText(buffer.subarray(0, bytesRead).toString('utf8').trim());
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}
