import { spawn, type ChildProcess } from 'node:child_process';
import type { Outcome } from './slice-host.ts';

/** Runs a program to its end. */
export async function runProcess(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return outcomeOf(startProcess(argv, env));
}

/** Starts a program with its output in pipes. */
export function startProcess(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [command = '', ...args] = argv;
  return spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** How it ends. */
export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}
