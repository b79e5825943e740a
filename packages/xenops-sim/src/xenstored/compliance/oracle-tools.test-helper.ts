/** The daemons and clients of Debian's Xen, or why they cannot be had, for tests. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { test } from '@jest/globals';
import {
  prepareOracleTools,
  unpackDebianPackage,
  type OracleTools,
  type SuiteTest,
} from '@xenops/core/compliance';

const run = promisify(execFile);

/** Something that a test needs, or why it cannot be had. */
export type Tool<T> =
  | { readonly kind: 'there'; readonly value: T }
  | { readonly kind: 'missing'; readonly reason: string };

/** The daemons, and the library to start them with. */
export function findOracleTools(): Promise<Tool<OracleTools>> {
  return attempt('the daemons of Xen', prepareOracleTools);
}

/** The folder of Python packages that has pyxs. */
export function findPyxs(): Promise<Tool<string>> {
  return attempt('pyxs', async () => {
    await run('python3', ['--version']);
    return path.join(await unpackDebianPackage('python3-pyxs'), 'usr/lib/python3/dist-packages');
  });
}

/** Whether Xen's own clients are installed. */
export function findStoreClients(): Promise<Tool<undefined>> {
  return attempt('the clients of Xen (package xenstore-utils)', async () => {
    await run('sh', ['-c', 'command -v xenstore-ls xenstore-chmod']);
    return undefined;
  });
}

/**
 * The `test` for cases that need the tool. Without it they are left out, with the reason in their names and on stderr;
 * where everything must run (XENOPS_TEST_ALL=1), they fail.
 */
export function testWith(tool: Tool<unknown>): SuiteTest {
  const skip: SuiteTest['skip'] = (name, body) => test.skip(name, body);
  if (tool.kind === 'there') return Object.assign(named(test), { skip });
  if (process.env['XENOPS_TEST_ALL'] === '1') {
    const fail = (name: string): unknown =>
      test(name, () => Promise.reject(new Error(tool.reason)));
    return Object.assign(fail, { skip });
  }
  process.stderr.write(`Left out: ${tool.reason}\n`);
  const leaveOut = (name: string, body: () => Promise<void>): unknown =>
    test.skip(`${name} (${tool.reason})`, body);
  return Object.assign(leaveOut, { skip });
}

/** Two tools, or what is missing of them. */
export function both(one: Tool<unknown>, other: Tool<unknown>): Tool<unknown> {
  return one.kind === 'missing' ? one : other;
}

/** What is there; for bodies that only run then. */
export function valueOf<T>(tool: Tool<T>): T {
  if (tool.kind === 'there') return tool.value;
  throw new Error(tool.reason);
}

function named(register: typeof test): (name: string, body: () => Promise<void>) => unknown {
  return (name, body) => register(name, body);
}

async function attempt<T>(what: string, find: () => Promise<T>): Promise<Tool<T>> {
  try {
    return { kind: 'there', value: await find() };
  } catch (error) {
    const [firstLine = ''] = String(error).split('\n');
    return { kind: 'missing', reason: `${what} cannot be had here: ${firstLine}` };
  }
}
