/** Outside programs: arguments as a list, no shell, a time-out, what they say kept for the error. */
import { spawn, type ChildProcess } from 'node:child_process';
import { AbortedError, DeviceError, TimeoutError } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import { throwIfAborted } from '@xenops/core/lifetime';

/** A program and what it is called with. Secrets are in files or in `input`, never in `args`, which every process of the host can read. */
export interface ToolCall {
  /** Looked up in the folders of the system when it is no absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Besides PATH and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ToolOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Runs a program and gives its standard output. Rejects with HOTPLUG_FAILED (quoting what it said), TIMEOUT or ABORTED, after its end. */
export type RunTool = (call: ToolCall, options: ToolOptions) => Promise<string>;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** How much of each output is kept; `qemu-img info` of a long chain stays below. */
const OUTPUT_MAX = 65_536;
/** How much of it an error quotes. */
const QUOTED_MAX = 512;
/** Between asking a program to end and ending it. */
const KILL_DELAY_MS = 5000;

/** The machine's programs. */
export const runTool: RunTool = async (call, { signal, timeoutMs, clock }) => {
  const what = toolText(call);
  throwIfAborted(signal, `${what} to be run`);
  const child = spawn(call.program, [...call.args], {
    cwd: '/',
    // A process group of its own, to be ended as a whole.
    detached: true,
    env: { PATH, LC_ALL: 'C', ...call.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stopped: Error | undefined;
  let killing: Disposable | undefined;
  const stop = (error: Error): void => {
    if (stopped !== undefined) return;
    stopped = error;
    endGroup(child, 'SIGTERM');
    killing = clock.startTimer(KILL_DELAY_MS, () => endGroup(child, 'SIGKILL'));
  };
  const onAbort = (): void =>
    stop(new AbortedError({ message: `${what} was called off`, cause: signal.reason }));
  const timer = clock.startTimer(timeoutMs, () =>
    stop(
      new TimeoutError({
        message: `Waited ${timeoutMs / 1000} s in vain for ${what} to end`,
        context: { timeoutMs },
      }),
    ),
  );
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { status, output, complaint } = await finished(child, what);
    if (stopped !== undefined) throw stopped;
    if (status === 0) return output;
    throw failure(what, `status ${status}`, `${complaint}${output}`);
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer[Symbol.dispose]();
    killing?.[Symbol.dispose]();
  }
};

/** The call as logs and errors show it. */
export function toolText({ program, args }: ToolCall): string {
  return [program, ...args].join(' ');
}

interface Finished {
  /** -1 when a signal ended it. */
  readonly status: number;
  readonly output: string;
  readonly complaint: string;
}

async function finished(child: ChildProcess, what: string): Promise<Finished> {
  let output = '';
  let complaint = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output = `${output}${chunk.toString()}`.slice(-OUTPUT_MAX);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-OUTPUT_MAX);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(failure(what, 'no start', cause.message, cause)));
    child.once('close', (code) => resolve({ status: code ?? -1, output, complaint }));
  });
}

/** Also what the program has started and left behind, which would keep its outputs open. */
function endGroup({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // All of it has ended in this very moment.
  }
}

function failure(what: string, how: string, said: string, cause?: unknown): DeviceError {
  const quoted = said
    .trim()
    .slice(-QUOTED_MAX)
    .replaceAll(/\p{Cc}+/gu, ' ');
  return new DeviceError('HOTPLUG_FAILED', {
    message: `${what} failed (${how})${quoted === '' ? '' : `: ${quoted}`}`,
    context: { tool: what, how },
    ...(cause === undefined ? {} : { cause }),
  });
}
