// Commands in Dom0.
import { randomBytes } from 'node:crypto';
import { LabError, TimeoutError } from './errors.ts';
import { collect } from './process.ts';
import { quoteCommand } from './quote.ts';
import { sshCommand } from './ssh.ts';

export interface ExecOptions {
  readonly argv: readonly string[];
  /** Nothing when left out. */
  readonly stdin?: string | Uint8Array;
  /** A minute when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** Exit status; 128 and the signal's number when a signal ended the command. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const EXEC_TIMEOUT_MS = 60_000;
const KILL_TIMEOUT_MS = 10_000;
/** Of ssh itself; a command may end with it too. */
const SSH_FAILED = 255;

/**
 * Runs a command in Dom0. When it does not end in time, or is aborted, it is killed there with all that it started.
 *
 * @throws TimeoutError; LabError LAB_ABORTED, LAB_LOST when there is no connection to Dom0.
 */
export async function executeInDom0(folder: string, options: ExecOptions): Promise<ExecResult> {
  const { argv, timeoutMs = EXEC_TIMEOUT_MS, signal } = options;
  const mark = `XENLAB_EXEC=${randomBytes(6).toString('hex')}`;
  const doing = `the command ${quoteCommand(argv)} in Dom0`;
  try {
    const result = await collect([...sshCommand(folder), '--', remoteCommand(argv, mark)], {
      stdin: options.stdin ?? '',
      doing,
      timeoutMs,
      signal,
    });
    if (result.status === SSH_FAILED) await checkConnection(folder, doing);
    return {
      status: result.status,
      stdout: result.stdout.toString(),
      stderr: result.stderr.toString(),
    };
  } catch (error) {
    if (
      error instanceof TimeoutError ||
      (error instanceof LabError && error.code === 'LAB_ABORTED')
    ) {
      await killMarked(folder, mark);
    }
    throw error;
  }
}

/**
 * What the login shell in Dom0 is given. The shell stays the parent, so that a signal's status comes back as the
 * shell's 128 and more; the mark in the environment tells the command's processes from all others.
 */
export function remoteCommand(argv: readonly string[], mark?: string): string {
  return `${mark === undefined ? '' : `export ${mark}; `}${quoteCommand(argv)}; exit $?`;
}

async function checkConnection(folder: string, doing: string): Promise<void> {
  const check = await collect(sshCommand(folder, ['-O', 'check']), {
    doing,
    timeoutMs: KILL_TIMEOUT_MS,
  });
  if (check.status !== 0)
    throw new LabError('LAB_LOST', { message: `Lost the connection to Dom0 during ${doing}` });
}

/** Best effort: a Dom0 that no longer answers is the reason for many a time-out. */
async function killMarked(folder: string, mark: string): Promise<void> {
  const script = `grep -lsz '^${mark}$' /proc/[0-9]*/environ | cut -d/ -f3 | xargs -r kill -9`;
  await collect([...sshCommand(folder), '--', script], {
    doing: 'ending a command in Dom0',
    timeoutMs: KILL_TIMEOUT_MS,
  }).catch(() => undefined);
}
