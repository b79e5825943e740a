/**
 * Brings up the daemon of a folder for whoever finds nobody there. Several may try at once: the folder's lock lets one
 * daemon through, and whose daemon was turned away waits for the other's socket.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type FSWatcher, watch } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ConnectError } from '@xenops/core/errors';
import { withDeadline } from '@xenops/core/lifetime';
import { answers, makeOwnFolder } from '../sockets/private-listener.ts';
import { isLockTaken } from './folder-lock.ts';
import { simSocketPaths, type SimPaths } from './socket-folder.ts';

/** How long a daemon may take to listen, on a loaded machine. */
const START_TIMEOUT_MS = 30_000;
/** A daemon that nobody has asked for by name goes after this long without a connection. */
export const ON_DEMAND_IDLE_TIMEOUT_S = 600;
/** A log that is longer is begun anew at the next start. */
const LOG_BYTES_MAX = 1_048_576;
/** The end of the log that a report of a failed start quotes. */
const LOG_EXCERPT_CHARACTERS = 2_000;

const PROGRAM = fileURLToPath(new URL('../../bin/xensimd.js', import.meta.url));

export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Resolves when the folder's host answers. Rejects with CONNECT_FAILED, TIMEOUT or ABORTED. */
export async function startOnDemand(folder: string, options: StartOptions = {}): Promise<void> {
  const { signal, timeoutMs = START_TIMEOUT_MS } = options;
  const paths = simSocketPaths(folder);
  await makeOwnFolder(folder);
  await makeOwnFolder(path.dirname(paths.hypervisorSocket));
  const what = `the simulated host in ${folder} to start`;
  await withDeadline({ what }, { timeoutMs, signal }, async (stop) => {
    using changes = new FolderChanges(paths);
    while (!stop.aborted) {
      // Listening before looking: what changes in between is not missed.
      const changed = changes.next(stop);
      if (await answers(paths.hypervisorSocket)) return;
      if (await startDaemonProcess(paths)) return;
      // Turned away by another daemon that is starting, or still stopping: its socket or its lock will tell.
      if (!(await isLockTaken(paths.lockFile))) throw await startFailure(paths);
      await changed;
    }
  });
}

/** Tells when the socket or the lock of a host's folder appears or goes. */
class FolderChanges implements Disposable {
  readonly #watchers: readonly FSWatcher[];
  #tell: () => void = () => undefined;

  constructor({ folder, hypervisorSocket, lockFile }: SimPaths) {
    const names = new Set([path.basename(hypervisorSocket), path.basename(lockFile)]);
    this.#watchers = [folder, path.dirname(hypervisorSocket)].map((watched) =>
      watch(watched, (event, name) => {
        if (event === 'rename' && name !== null && names.has(name)) this.#tell();
      }),
    );
  }

  /** Resolves at the next change, or when the signal fires. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}

/** Starts a daemon that outlives us. True when it is ready, false when it ended before. */
async function startDaemonProcess(paths: SimPaths): Promise<boolean> {
  const logged = await stat(paths.logFile).catch(() => undefined);
  const isFull = logged !== undefined && logged.size > LOG_BYTES_MAX;
  const log = await open(paths.logFile, isFull ? 'w' : 'a', 0o600);
  try {
    const args = [
      PROGRAM,
      '--dir',
      paths.folder,
      '--idle-timeout',
      String(ON_DEMAND_IDLE_TIMEOUT_S),
    ];
    const child = spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'pipe', log.fd],
      cwd: '/',
    });
    return await isReady(child);
  } finally {
    await log.close();
  }
}

function isReady(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const { stdout } = child;
    if (stdout === null) throw new Error('The daemon was started without a pipe');
    const lines = createInterface({ input: stdout });
    const settle = (isUp: boolean): void => {
      lines.close();
      stdout.destroy();
      child.unref();
      resolve(isUp);
    };
    lines.once('line', (line) => settle(line === 'ready'));
    child.once('error', reject);
    child.once('exit', () => settle(false));
  });
}

async function startFailure({ folder, logFile }: SimPaths): Promise<ConnectError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  return new ConnectError('CONNECT_FAILED', {
    message: `The simulated host in ${folder} ended before it was ready; ${logFile} may say why`,
    context: { path: folder, log: log.slice(-LOG_EXCERPT_CHARACTERS) },
  });
}
