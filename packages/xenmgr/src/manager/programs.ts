/** Programs of others: run directly, without a shell, with a time limit and nothing of ours in their environment. */
import { execFile } from 'node:child_process';
import { ManagerError } from './manager-error.ts';

const OUTPUT_BYTES_MAX = 4_194_304;
const TIMEOUT_MS = 60_000;
/** Of what a program said, in the error. */
const QUOTED_CHARACTERS_MAX = 400;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** What can be said for one run. */
export interface ProgramOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Besides PATH and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads; nothing without. For secrets: they never stand on a command line. */
  readonly input?: string | Uint8Array;
}

/** Runs a program, by name or absolute path, and gives what it wrote. Rejects with ManagerError `IO`, quoting it. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  options?: ProgramOptions,
) => Promise<string>;

/** Runs programs of this machine. */
export const runProgram: RunProgram = (program, args, options = {}) => {
  const { timeoutMs = TIMEOUT_MS, signal, env = {}, input } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      {
        encoding: 'utf8',
        maxBuffer: OUTPUT_BYTES_MAX,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        env: { ...env, PATH, LC_ALL: 'C' },
        ...(signal === undefined ? {} : { signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(failure(program, error, stderr));
      },
    );
    // One that reads nothing may have closed its end.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
};

function failure(program: string, cause: Error, stderr: string): ManagerError {
  const quoted = stderr
    .trim()
    .slice(-QUOTED_CHARACTERS_MAX)
    .replaceAll(/\p{Cc}+/gu, ' ');
  const status = 'code' in cause ? String(cause.code) : 'unknown';
  const isMissing = status === 'ENOENT';
  const why = isMissing ? 'is not installed' : `ended with ${status}`;
  return new ManagerError('IO', {
    message: `${program} ${why}${quoted === '' ? '' : `: ${quoted}`}`,
    context: { program, status },
    cause,
  });
}
