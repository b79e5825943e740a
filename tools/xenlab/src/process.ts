// Starting other programs, and knowing later whether a process is still the one that was started.
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { abortedError, LabError, systemErrorCode, TimeoutError } from './errors.ts';

export interface CommandResult {
  /** Exit status; 128 and the signal's number when a signal ended it. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface CollectOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal | undefined;
  /** What the command is for, in messages: "making the disk image". */
  readonly doing: string;
  readonly timeoutMs: number;
}

/** Runs a program and returns its status and output; rejects only if it cannot be run to its end. */
export async function collect(
  argv: readonly string[],
  options: CollectOptions,
): Promise<CommandResult> {
  const { doing, signal, timeoutMs } = options;
  if (signal?.aborted === true) throw abortedError(doing, signal);
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd: options.cwd, env: options.env });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program may end without reading its input: its status says whether that was right.
  child.stdin.on('error', () => undefined);
  if (options.stdin instanceof Readable) options.stdin.pipe(child.stdin);
  else child.stdin.end(options.stdin);
  return await new Promise((resolve, reject) => {
    const stop = (error: LabError): void => {
      reject(error);
      child.kill('SIGKILL');
      // What it started may hold these open.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const onAbort = (): void => {
      if (signal !== undefined) stop(abortedError(doing, signal));
    };
    const timer = setTimeout(() => {
      const tail = lastLines(Buffer.concat(stderr).toString());
      stop(
        new TimeoutError({
          message: `No end of ${doing} after ${String(timeoutMs / 1000)} s`,
          context: { command: argv.join(' '), stderr: tail },
        }),
      );
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (cause) => {
      settle();
      reject(
        new LabError('LAB_HOST_UNSUITABLE', {
          message: `Cannot run ${program} for ${doing}`,
          cause,
        }),
      );
    });
    child.once('close', (code, signalName) => {
      settle();
      const status = code ?? 128 + signalNumber(signalName);
      resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    });
  });
}

/** As `collect`, for a program that must succeed. @throws LabError LAB_COMMAND_FAILED with the end of its output. */
export async function runProgram(
  argv: readonly string[],
  options: CollectOptions,
): Promise<Buffer> {
  const { status, stdout, stderr } = await collect(argv, options);
  if (status === 0) return stdout;
  const output = lastLines(`${stdout.toString()}\n${stderr.toString()}`);
  throw new LabError('LAB_COMMAND_FAILED', {
    message: `Failed ${options.doing}: ${argv[0] ?? ''} ended with status ${String(status)}\n${output}`,
    context: { command: argv.join(' '), status },
  });
}

/** The last lines of a text, short enough for a message. */
export function lastLines(text: string, count = 15): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/** Identifies a process for as long as the machine runs: a number alone is used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start, proc(5) `stat` field 22. */
  readonly startTicks: number;
}

/** The identity of a running process; undefined when there is none (a zombie does not run). */
export function findProcess(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  return parseProcessStat(pid, stat);
}

/** Pure part of `findProcess`: the name in field 2 may hold spaces and parentheses. */
export function parseProcessStat(pid: number, stat: string): ProcessIdentity | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

/** Whether exactly this process still runs. */
export function isRunning({ pid, startTicks }: ProcessIdentity): boolean {
  return findProcess(pid)?.startTicks === startTicks;
}

/** Kills exactly this process, if it still runs. */
export function killProcess(identity: ProcessIdentity): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, 'SIGKILL');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

export interface ServantOptions {
  /** Owned: killed by the kernel when this process ends in any way. Else it lives on, in a session of its own. */
  readonly owned: boolean;
  readonly stdio: StdioOptions;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a program that serves a lab in the background. */
export function spawnServant(
  argv: readonly string[],
  { owned, ...options }: ServantOptions,
): ChildProcess {
  const [program = '', ...args] = owned ? ['setpriv', '--pdeathsig', 'KILL', '--', ...argv] : argv;
  const child = spawn(program, args, { ...options, detached: true });
  // A program that cannot be started has no pid, which callers look at.
  child.on('error', () => undefined);
  return child;
}

function signalNumber(name: NodeJS.Signals | null): number {
  return name === 'SIGKILL' ? 9 : name === 'SIGTERM' ? 15 : name === 'SIGINT' ? 2 : 1;
}
