// Set-up shared by `npm start`, `npm test` and `npm run bench`. Plain JavaScript without dependencies, because it runs
// before anything is installed. Every stage first looks whether it is done already, so that a later run costs nothing.
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const workspace = fileURLToPath(new URL('../..', import.meta.url));
const NODE_MIN = [20, 19];

/** What the addon is compiled with. */
export const ADDON_PACKAGES = ['libxen-dev', 'g++', 'make', 'cmake', 'pkg-config'];
/** What tests use besides: Xen's own store clients; a bus, and those who must agree with us about it in each language. */
export const TEST_PACKAGES = [
  'xenstore-utils',
  'libxen-dev',
  'gcc',
  'python3',
  'pkg-config',
  'dbus',
  'systemd',
  'libglib2.0-bin',
  'libglib2.0-dev-bin',
  'libsystemd-dev',
  'python3-dbus',
  'python3-gi',
  'mypy',
  'ruby',
  'ruby-dbus',
  'qemu-utils',
];
/** What `npm run test:all` uses besides: a compiler of a gigabyte. */
export const LONG_TEST_PACKAGES = ['ghc', 'libghc-dbus-dev'];

/** A stage that failed, with what the user should know. */
export class StageError extends Error {}

/** Says what is going on, on stderr, with the time it took at the end. */
export async function stage(title, work) {
  const startedMs = Date.now();
  process.stderr.write(`* ${title}\n`);
  const result = await work();
  const seconds = (Date.now() - startedMs) / 1000;
  if (seconds >= 1) process.stderr.write(`  ${seconds.toFixed(1)} s\n`);
  return result;
}

/** Runs a command; its output is shown only when it fails, or all the time with `show`. */
export function execute(command, args, { show = false, env = {}, cwd = workspace } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => (output += chunk));
    }
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) return resolve(output);
      if (!show) process.stderr.write(output);
      const how = signal === null ? `ended with ${status}` : `was ended by ${signal}`;
      reject(new StageError(`${command} ${args.join(' ')} ${how}`));
    });
  });
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    throw new StageError(
      `Node ${NODE_MIN.join('.')} or newer is needed, this is ${process.version}`,
    );
  }
}

const modifiedMs = (file) => (existsSync(file) ? statSync(file).mtimeMs : -1);

/** npm packages, exactly as locked. */
export async function ensureNodeModules() {
  const installed = path.join(workspace, 'node_modules/.installed');
  if (modifiedMs(installed) >= modifiedMs(path.join(workspace, 'package-lock.json'))) return;
  await stage('installing npm packages', async () => {
    await execute('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
    // Our own mark: npm's copy of the lock keeps the time of the lock file.
    writeFileSync(path.join(workspace, 'node_modules/.installed'), '');
  });
}

/** Debian packages, when this is Debian and we are root; otherwise tells what to install and whether all is there. */
export async function ensureDebianPackages(packages) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0 && havePackageLists()) return true;
  if (process.getuid?.() !== 0 || !isExecutable('/usr/bin/apt-get')) {
    if (missing.length === 0) return true;
    process.stderr.write(`* missing, install by hand: ${missing.join(' ')}\n`);
    return false;
  }
  await stage(`getting Debian packages: ${missing.join(' ') || 'the lists of them'}`, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await execute('apt-get', ['update', '-q'], { env });
    if (missing.length === 0) return;
    await execute('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], {
      env,
    });
  });
  return true;
}

/** Whether apt knows any packages; tests download some without installing them. */
function havePackageLists() {
  const folder = '/var/lib/apt/lists';
  return existsSync(folder) && readdirSync(folder).some((name) => name.includes('_Packages'));
}

function isInstalled(name) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], {
    encoding: 'utf8',
  });
  return query.status === 0 && query.stdout === 'installed';
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** All TypeScript, by project references, and the bundled commands. Quick when nothing has changed. */
export async function ensureBuilt() {
  const tsc = path.join(workspace, 'node_modules/typescript/bin/tsc');
  await stage('building', async () => {
    await execute(process.execPath, [tsc, '-b']);
    // Loaded here because it needs what npm has installed by now.
    const { bundlePackage } = await import('./bundle.mjs');
    const packages = path.join(workspace, 'packages');
    for (const name of readdirSync(packages)) await bundlePackage(path.join(packages, name));
  });
}

/** The addon, where Xen's headers are. */
export async function ensureAddon() {
  if (!(await ensureDebianPackages(ADDON_PACKAGES))) return;
  const build = path.join(workspace, 'packages/xenops-native/bin/xenops-native-build.js');
  await stage('building the addon', () => execute(process.execPath, [build]));
}

/** A folder for results, emptied of what an earlier run left. */
export function resultsFolder() {
  const folder = path.join(workspace, '.test-results');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Runs the program; a StageError is one line, anything else its stack. */
export async function main(program) {
  try {
    process.exitCode = (await program()) ?? 0;
  } catch (error) {
    process.stderr.write(
      `${error instanceof StageError ? error.message : (error?.stack ?? error)}\n`,
    );
    process.exitCode = 1;
  }
}
