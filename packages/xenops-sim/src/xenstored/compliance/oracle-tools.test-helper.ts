/**
 * The daemons and clients of Debian's Xen, for comparison. They are unpacked, not installed, into a cache folder named
 * after the package's version; the library that stands in for Xen is compiled there. No root, no Xen needed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from '@jest/globals';
import type { SuiteTest } from '@xenops/core/compliance';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url));
const CACHE = path.resolve(PACKAGE, '../../.cache/xenstore-oracle');
const PRELOAD_SOURCE = path.join(PACKAGE, 'native-oracle', 'xen-preload.c');

/** Something that a test needs, or why it cannot be had. */
export type Tool<T> =
  | { readonly kind: 'there'; readonly value: T }
  | { readonly kind: 'missing'; readonly reason: string };

/** What is needed to run a daemon of Xen without Xen. */
export interface OracleTools {
  /** Folder of `xenstored`, `oxenstored` and `test-xenstore`. */
  readonly binFolder: string;
  readonly preloadLibrary: string;
}

/** The daemons, and the library to start them with. */
export function findOracleTools(): Promise<Tool<OracleTools>> {
  return attempt('the daemons of Xen', async () => {
    const preloadLibrary = await compilePreload();
    const root = await unpack('xen-utils-4.17');
    return { binFolder: path.join(root, 'usr/lib/xen-4.17/bin'), preloadLibrary };
  });
}

/** The folder of Python packages that has pyxs. */
export function findPyxs(): Promise<Tool<string>> {
  return attempt('pyxs', async () => {
    await run('python3', ['--version']);
    return path.join(await unpack('python3-pyxs'), 'usr/lib/python3/dist-packages');
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

/** The library, compiled once for each state of its source. */
async function compilePreload(): Promise<string> {
  const source = await readFile(PRELOAD_SOURCE);
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 16);
  const library = path.join(CACHE, `xen-preload-${digest}.so`);
  if (existsSync(library)) return library;
  await makeInPlace(library, async (fresh) => {
    await run('gcc', ['-O1', '-shared', '-fPIC', '-o', fresh, PRELOAD_SOURCE, '-lpthread']);
  });
  return library;
}

/** The contents of a Debian package, unpacked once for each version that apt offers. */
async function unpack(name: string): Promise<string> {
  const { stdout } = await run('apt-get', ['download', '--print-uris', name]);
  const fileName = / (\S+\.deb) /.exec(stdout)?.[1];
  if (fileName === undefined) throw new Error(`apt offers no package ${name}`);
  const root = path.join(CACHE, decodeURIComponent(fileName).replace(/\.deb$/, ''));
  if (existsSync(root)) return root;
  await makeInPlace(root, async (fresh) => {
    await mkdir(fresh);
    // As root, apt would fetch as a user who cannot write here.
    await run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', name], { cwd: fresh });
    const [archive = ''] = await readdir(fresh);
    await run('dpkg-deb', ['-x', path.join(fresh, archive), fresh]);
    await rm(path.join(fresh, archive));
  });
  return root;
}

/** Makes a file or folder aside, so that it is whole when others find it; who comes second keeps the first one's. */
async function makeInPlace(target: string, make: (fresh: string) => Promise<void>): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const aside = await mkdtemp(path.join(CACHE, 'new-'));
  try {
    const fresh = path.join(aside, 'fresh');
    await make(fresh);
    await rename(fresh, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
