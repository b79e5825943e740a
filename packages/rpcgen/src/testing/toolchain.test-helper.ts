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

/** `describe`, or one whose tests are left out with the reason printed, unless everything must run. */
export function describeWith(missing: string | undefined): typeof describe | typeof describe.skip {
  if (missing === undefined || process.env['XENOPS_TEST_ALL'] === '1') return describe;
  process.stderr.write(`left out: ${missing}\n`);
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
