/**
 * The lock that keeps two daemons out of one folder. The kernel holds it and drops it when the process dies, however it
 * dies, so there is nothing stale to recognise. Node has no call for it: flock(1) of util-linux takes it on a descriptor
 * that it shares with us.
 */
import { spawn } from 'node:child_process';
import { open, readFile, rm, stat, type FileHandle } from 'node:fs/promises';
import { ConnectError } from '@xenops/core/errors';

/** Status of flock(1) when somebody else has the lock (`--conflict-exit-code`). */
const CONFLICT_STATUS = 75;

export interface FolderLock {
  /** Removes the file and gives up the lock. */
  release(): Promise<void>;
}

/** Takes the lock. Rejects with CONNECT_FAILED, naming the pid, when another process has it. */
export async function lockFolder(lockFile: string): Promise<FolderLock> {
  for (;;) {
    const file = await open(lockFile, 'a+', 0o600);
    try {
      await takeLock(file, lockFile);
      // The holder before us may have removed the file after we had opened it.
      if (await isStillThere(file, lockFile)) {
        await file.truncate();
        await file.write(`${process.pid}\n`);
        return {
          async release() {
            await rm(lockFile, { force: true });
            await file.close();
          },
        };
      }
      await file.close();
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** The pid in a lock file; undefined when there is none. */
export async function findLockHolder(lockFile: string): Promise<number | undefined> {
  const text = await readFile(lockFile, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** Whether somebody may have the lock: there is a file, and the process that it names, if it does already, is alive. */
export async function isLockTaken(lockFile: string): Promise<boolean> {
  const pid = await findLockHolder(lockFile);
  if (pid === undefined) return (await stat(lockFile).catch(() => undefined)) !== undefined;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Alive, but another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function takeLock(file: FileHandle, lockFile: string): Promise<void> {
  const status = await runFlock(file.fd);
  if (status === 0) return;
  if (status !== CONFLICT_STATUS) {
    throw new ConnectError('CONNECT_FAILED', {
      message: `flock, of util-linux, could not lock ${lockFile}`,
      context: { path: lockFile, status },
    });
  }
  const pid = await findLockHolder(lockFile);
  throw new ConnectError('CONNECT_FAILED', {
    message: `A simulated host runs in this folder already (pid ${pid ?? 'unknown'}, by ${lockFile})`,
    context: { path: lockFile, pid },
  });
}

function runFlock(fd: number): Promise<number> {
  const args = ['--exclusive', '--nonblock', '--conflict-exit-code', String(CONFLICT_STATUS), '3'];
  return new Promise((resolve, reject) => {
    const child = spawn('flock', args, { stdio: ['ignore', 'ignore', 'ignore', fd] });
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
}

async function isStillThere(file: FileHandle, lockFile: string): Promise<boolean> {
  const ours = await file.stat();
  const found = await stat(lockFile).catch(() => undefined);
  return found?.ino === ours.ino && found.dev === ours.dev;
}
