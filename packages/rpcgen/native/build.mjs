// Builds build/descriptor_socket.node, with which D-Bus connections pass file descriptors. Needs a C compiler and the
// headers of Node-API: those that came with Node, or the package node-api-headers. Downloads nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

function findHeaders() {
  const own = path.resolve(process.execPath, '../../include/node');
  if (existsSync(path.join(own, 'node_api.h'))) return own;
  try {
    const require = createRequire(import.meta.url);
    return path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
  } catch {
    return undefined;
  }
}

const headers = findHeaders();
if (headers === undefined) {
  console.error('The headers of Node-API are missing: npm install node-api-headers');
  process.exit(1);
}
const folder = path.join(PACKAGE, 'build');
mkdirSync(folder, { recursive: true });
const source = path.join(PACKAGE, 'native/descriptor_socket.c');
const target = path.join(folder, 'descriptor_socket.node');
// Put in place as a whole: another process may be loading it.
const unfinished = `${target}.${process.pid}`;
const warnings = ['-Wall', '-Wextra', '-Werror', '-fstack-protector-strong'];
const options = [
  '-O2',
  '-shared',
  '-fPIC',
  '-pthread',
  '-D_GNU_SOURCE',
  '-DNAPI_VERSION=8',
  `-I${headers}`,
];
const { status, error } = spawnSync(
  process.env.CC ?? 'cc',
  [...warnings, ...options, source, '-o', unfinished],
  { stdio: 'inherit' },
);
if (error !== undefined) console.error('A C compiler is missing: apt-get install gcc libc6-dev');
if (status === 0) renameSync(unfinished, target);
process.exitCode = status ?? 1;
