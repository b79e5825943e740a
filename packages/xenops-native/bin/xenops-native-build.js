#!/usr/bin/env node
// Builds build/Release/xenops.node against the installed headers of Xen. Incremental; downloads nothing.
//   --out=FOLDER   build there instead of in build/
//   -DNAME=VALUE   for CMake, such as -DXENOPS_ASAN=ON
// PKG_CONFIG_LIBDIR and PKG_CONFIG_SYSROOT_DIR choose another release of Xen than the installed one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const PKG_CONFIG_MODULES = [
  'xencontrol',
  'xenevtchn',
  'xenforeignmemory',
  'xengnttab',
  'xenguest',
  'xenstore',
  'xentoollog',
];
const TOOLS = [
  ['cmake', 'cmake'],
  ['c++', 'g++'],
  ['make', 'make'],
  ['pkg-config', 'pkg-config'],
];

/** What is missing for a build, as one sentence; undefined when all is there. */
function findMissing() {
  for (const [command, debianPackage] of TOOLS) {
    if (spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0) {
      return `The command ${command} is missing: apt-get install ${debianPackage}`;
    }
  }
  return pkgConfig('--exists').status === 0
    ? undefined
    : 'The headers of Xen are missing: apt-get install libxen-dev';
}

function pkgConfig(...options) {
  return spawnSync('pkg-config', [...options, ...PKG_CONFIG_MODULES], { encoding: 'utf8' });
}

/** Makes CMake start anew when something has changed that it does not look at again. */
function prepareFolder(folder, defines) {
  const stamp = path.join(folder, 'configuration.json');
  const { stdout } = pkgConfig('--modversion', '--cflags', '--libs');
  const wanted = JSON.stringify({ defines, folder: PACKAGE, xen: stdout });
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return () => undefined;
  rmSync(path.join(folder, 'CMakeCache.txt'), { force: true });
  return () => writeFileSync(stamp, wanted);
}

function build(folder, defines) {
  const recordConfiguration = prepareFolder(folder, defines);
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const custom = defines.map((define) => define.replace('-D', '--CD'));
  const outcome = spawnSync(
    process.execPath,
    [cmakeJs, 'build', '--directory', PACKAGE, '--out', folder, '--log-level', 'error', ...custom],
    { cwd: PACKAGE, encoding: 'utf8' },
  );
  if (outcome.status === 0) recordConfiguration();
  else process.stderr.write(`${outcome.stdout}${outcome.stderr}`);
  return outcome.status === 0;
}

function main(options) {
  const unknown = options.find((option) => !/^(-D\w+|--out)=./.test(option));
  const missing = unknown === undefined ? findMissing() : `${unknown} is no option of this command`;
  if (missing !== undefined) return fail(missing);
  const out = options.findLast((option) => option.startsWith('--out='))?.slice('--out='.length);
  const folder = path.resolve(out ?? path.join(PACKAGE, 'build'));
  const defines = options.filter((option) => option.startsWith('-D'));

  const [release] = pkgConfig('--modversion').stdout.split('\n');
  process.stdout.write(`building the addon for Xen ${release}\n`);
  if (!build(folder, defines)) return fail('the addon could not be built');
  const built = path.join(folder, 'Release/xenops.node');
  process.stdout.write(`built ${path.relative(process.cwd(), built)}\n`);
  return 0;
}

function fail(message) {
  process.stderr.write(`xenops-native-build: ${message}\n`);
  return 1;
}

process.exitCode = main(process.argv.slice(2));
