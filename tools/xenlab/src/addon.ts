// Native addons for Dom0. An addon is bound to the libxenctrl of one Xen release, so for another release than this
// machine's it is compiled against that release's headers and libraries, from a folder that holds only those.
//
// A package with an addon has a script `build:addon` that leaves build/Release/*.node and asks pkg-config for Xen.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { cacheKey } from './cache-key.ts';
import { digestFiles } from './digest-files.ts';
import { installHeaders, readDebianSources, readHostRelease } from './dom0-root.ts';
import { BUILD_TOOLS, ensureHostTools } from './host-tools.ts';
import { holdLock } from './lock.ts';
import { cacheFolder } from './paths.ts';
import { runProgram } from './process.ts';
import type { Progress } from './progress.ts';
import type { Release } from './releases.ts';
import type { WorkspacePackage } from './workspace-files.ts';

/** Where an addon's build leaves it, in its package. */
const BUILT = 'build/Release';
/** Raised when the folders in the cache change their layout. */
const CACHE_FORMAT = 2;
/** Of a package's folder: made from the rest, or of no concern to the addon. */
const NOT_COMPILED = new Set(['build', 'dist', 'node_modules', 'src', 'README.md']);

export interface Addon {
  /** Where it belongs, relative to the workspace. */
  readonly path: string;
  /** The folder of this machine that it is in, under the same path. */
  readonly root: string;
}

export interface AddonOptions {
  readonly workspace: string;
  readonly packages: readonly WorkspacePackage[];
  readonly release: Release;
  readonly progress: Progress;
}

/** The addons of a workspace for a release: as built in the workspace for this machine's own, else compiled into the cache. */
export async function findAddons({
  workspace,
  packages,
  release,
  progress,
}: AddonOptions): Promise<readonly Addon[]> {
  const withAddon = packages.filter(({ packageJson }) => 'build:addon' in packageJson.scripts);
  const addons: Addon[] = [];
  for (const { folder } of withAddon) {
    const source = path.join(workspace, folder);
    let root = workspace;
    if (release.name === readHostRelease()) await buildInPlace(source, progress);
    else root = await buildForRelease({ workspace, folder, release, progress });
    for (const name of listAddons(path.join(root, folder))) {
      addons.push({ path: path.join(folder, BUILT, name), root });
    }
  }
  return addons;
}

async function buildInPlace(source: string, progress: Progress): Promise<void> {
  if (listAddons(source).length > 0) return;
  progress.stage(`Compiling the addon of ${path.basename(source)}`);
  await runBuild(source, process.env);
}

/** Compiles in a copy; returns a folder that has only the addon, under its path in the workspace. */
async function buildForRelease({
  workspace,
  folder,
  release,
  progress,
}: Omit<AddonOptions, 'packages'> & { readonly folder: string }): Promise<string> {
  const source = path.join(workspace, folder);
  const inputs = {
    format: CACHE_FORMAT,
    release: release.name,
    node: process.version,
    source: digestFiles(source, compiledEntries(source)),
  };
  const name = `${path.basename(folder)}-${release.name}`;
  const target = path.join(cacheFolder(), 'addons', `${name}-${cacheKey(inputs)}`);
  if (existsSync(target)) return target;
  mkdirSync(path.dirname(target), { recursive: true });
  await using _lock = await holdLock(path.join(path.dirname(target), `${name}.lock`), {});
  if (existsSync(target)) return target;
  const headers = await ensureHeaders(release, progress);
  progress.stage(`Compiling the addon of ${folder} for Debian ${release.name}`);
  const work = path.join(path.dirname(target), `.new-${name}`);
  rmSync(work, { recursive: true, force: true });
  const copy = path.join(work, folder);
  mkdirSync(copy, { recursive: true });
  for (const entry of compiledEntries(source)) {
    cpSync(path.join(source, entry), path.join(copy, entry), { recursive: true });
  }
  // The build's tools are found as in the workspace.
  for (const inner of ['', folder]) {
    const modules = path.join(workspace, inner, 'node_modules');
    if (existsSync(modules)) symlinkSync(modules, path.join(work, inner, 'node_modules'));
  }
  const libraries = path.join(headers, 'usr/lib/x86_64-linux-gnu');
  await runBuild(copy, {
    ...process.env,
    PKG_CONFIG_LIBDIR: path.join(libraries, 'pkgconfig'),
    PKG_CONFIG_SYSROOT_DIR: headers,
    // In that folder, /usr/include and /usr/lib are not the compiler's own.
    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS: '1',
    PKG_CONFIG_ALLOW_SYSTEM_LIBS: '1',
  });
  const result = path.join(work, 'result');
  mkdirSync(path.join(result, folder, path.dirname(BUILT)), { recursive: true });
  renameSync(path.join(copy, BUILT), path.join(result, folder, BUILT));
  renameSync(result, target);
  rmSync(work, { recursive: true });
  return target;
}

async function runBuild(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  await runProgram(['npm', 'run', '--silent', 'build:addon'], {
    cwd: folder,
    env,
    doing: `compiling the addon in ${folder}`,
    timeoutMs: 600_000,
  });
}

/** Xen's headers and libraries of a release, from the cache or extracted now. */
async function ensureHeaders(release: Release, progress: Progress): Promise<string> {
  const key = cacheKey({ release: release.name, sources: readDebianSources(release.name) });
  const folder = path.join(cacheFolder(), 'headers', `${release.name}-${key}`);
  if (existsSync(folder)) return folder;
  await ensureHostTools(BUILD_TOOLS, progress);
  progress.stage(`Fetching the headers of Xen ${release.xenVersion}`);
  const unfinished = path.join(path.dirname(folder), `.new-${release.name}`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(path.dirname(folder), { recursive: true });
  await installHeaders(release, unfinished);
  renameSync(unfinished, folder);
  return folder;
}

/** The file names of what a build left in a package's folder. */
function listAddons(packageFolder: string): readonly string[] {
  const built = path.join(packageFolder, BUILT);
  return existsSync(built) ? readdirSync(built).filter((name) => name.endsWith('.node')) : [];
}

function compiledEntries(source: string): readonly string[] {
  return readdirSync(source)
    .filter((entry) => !NOT_COMPILED.has(entry))
    .sort();
}
