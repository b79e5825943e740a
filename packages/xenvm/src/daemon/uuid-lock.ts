/**
 * The lock that keeps two daemons from one VM, held for as long as the VM is served. The kernel drops it when the process
 * dies, however it dies. Node has no call for it: flock(1) of util-linux takes it on a descriptor that it shares with us.
 * The file stays, because removing it would let a third process lock a new one while a second waits for the old.
 */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { ConnectError } from '@xenops/core/errors';

/** Status of flock(1) when somebody else has the lock (`--conflict-exit-code`). */
const CONFLICT_STATUS = 75;

/** Somebody else has the lock. */
export class LockTakenError extends ConnectError {
  constructor(lockPath: string) {
    super('CONNECT_FAILED', {
      message: `Another process serves this VM: it holds ${lockPath}`,
      context: { path: lockPath },
    });
  }
}

/** Takes the lock until it is disposed. Rejects with LockTakenError, or CONNECT_FAILED. */
export async function takeLock(lockPath: string): Promise<AsyncDisposable> {
  const file = await open(lockPath, 'a', 0o600);
  try {
    const status = await runFlock(file.fd);
    if (status === CONFLICT_STATUS) throw new LockTakenError(lockPath);
    if (status !== 0) {
      throw new ConnectError('CONNECT_FAILED', {
        message: `flock, of util-linux, could not lock ${lockPath}`,
        context: { path: lockPath, status },
      });
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}

function runFlock(fd: number): Promise<number> {
  const args = ['--exclusive', '--nonblock', '--conflict-exit-code', String(CONFLICT_STATUS), '3'];
  return new Promise((resolve, reject) => {
    const child = spawn('flock', args, { stdio: ['ignore', 'ignore', 'ignore', fd] });
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
}
