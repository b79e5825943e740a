/**
 * The daemons of Debian's Xen, to hold others against. They are unpacked, not installed, into a cache folder of the
 * workspace named after the package's version; the library that stands in for Xen is compiled there. No root, no Xen needed,
 * but gcc, libxen-dev and apt.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { XenStoreError } from '../errors.ts';

const run = promisify(execFile);
const WORKSPACE = fileURLToPath(new URL('../../../..', import.meta.url));
const CACHE = path.join(WORKSPACE, '.cache/xenstore-oracle');
const PRELOAD_SOURCE = path.join(WORKSPACE, 'packages/xenops-sim/native-oracle/xen-preload.c');

/** What is needed to run a daemon of Xen without Xen. */
export interface OracleTools {
  /** Folder of `xenstored`, `oxenstored` and `test-xenstore`. */
  readonly binFolder: string;
  readonly preloadLibrary: string;
}

/** The daemons, and the library to start them with; made when they are not there. Rejects with what a tool said. */
export async function prepareOracleTools(): Promise<OracleTools> {
  const preloadLibrary = await compilePreload();
  const root = await unpackDebianPackage('xen-utils-4.17');
  return { binFolder: path.join(root, 'usr/lib/xen-4.17/bin'), preloadLibrary };
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

/** The folder of the contents of a Debian package, unpacked once for each version that apt offers. */
export async function unpackDebianPackage(name: string): Promise<string> {
  const { stdout } = await run('apt-get', ['download', '--print-uris', name]);
  const fileName = / (\S+\.deb) /.exec(stdout)?.[1];
  if (fileName === undefined) {
    throw new XenStoreError('XENSTORE_UNAVAILABLE', { message: `apt offers no package ${name}` });
  }
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
