/**
 * The foreground half of a daemon in the background. Node cannot fork, so the daemon is a process of its own from the
 * start, in a session of its own. The launcher ends when the daemon is ready, or with its status when it has failed;
 * until then it passes on what the daemon says.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { BACKGROUND_VARIABLE, READY_MESSAGE } from './readiness.ts';

/** The status of a daemon that cannot be started, or was killed. */
const FAILED = 2;

/** Starts the program again with these words, in the foreground of a session without terminal; gives the status to end with. */
export async function launchDaemon(program: string, words: readonly string[]): Promise<number> {
  const args = [...process.execArgv, program, '--no-daemonize', ...words];
  const daemon = spawn(process.execPath, args, {
    detached: true,
    env: { ...process.env, [BACKGROUND_VARIABLE]: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  daemon.stderr?.pipe(process.stderr);
  const status = await outcomeOf(daemon);
  daemon.stderr?.destroy();
  if (daemon.connected) daemon.disconnect();
  daemon.unref();
  return status;
}

/** 0 when it is ready, else what it ended with. */
function outcomeOf(daemon: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    daemon.on('message', (message) => {
      if (message === READY_MESSAGE) resolve(0);
    });
    daemon.once('error', () => resolve(FAILED));
    // Only now has everything been read that it said.
    daemon.once('close', (status) => resolve(status ?? FAILED));
  });
}
