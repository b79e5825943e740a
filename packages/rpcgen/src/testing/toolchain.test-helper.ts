/** Compilers and interpreters of other languages: run them, or leave tests out where they are not installed. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

const execute = promisify(execFile);

/** Says why a command does not run here; undefined when it does. */
export function whyMissing(
  packages: string,
  program: string,
  ...args: readonly string[]
): string | undefined {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${[program, ...args].join(' ')} does not run here (Debian: ${packages})`;
  }
}

/** Why tests cannot run: a tool is missing, or they are left out on purpose. */
export type Missing = string | { readonly leftOut: string } | undefined;

/** `describe`, or one whose tests are left out with the reason printed; a missing tool is a failure when everything must run. */
export function describeWith(missing: Missing): typeof describe | typeof describe.skip {
  if (missing === undefined) return describe;
  if (typeof missing === 'string' && process.env['XENOPS_TEST_ALL'] === '1') return describe;
  process.stderr.write(`left out: ${typeof missing === 'string' ? missing : missing.leftOut}\n`);
  return describe.skip;
}

/** Runs a program to its end; rejects with what it printed when it fails. */
export async function runTool(
  program: string,
  args: readonly string[],
  { cwd, timeoutMs = 240_000 }: { readonly cwd: string; readonly timeoutMs?: number },
): Promise<string> {
  try {
    const { stdout, stderr } = await execute(program, args, {
      cwd,
      timeout: timeoutMs,
      maxBuffer: 1e8,
    });
    return stdout + stderr;
  } catch (cause) {
    const printed = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '';
    throw new Error(`${program} ${args.join(' ')} failed:\n${printed.slice(0, 4000)}`, { cause });
  }
}
