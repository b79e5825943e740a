// The tests of the addon with AddressSanitizer and UBSan: builds it into build/asan, and has Node start with the sanitizer's
// library. `--lab` runs those on real Xen in place of the unit tests. A finding ends the process that it is in, and fails the test.
import { execFileSync, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const run = (args, env = {}) => {
  const options = { cwd: folder, stdio: 'inherit', env: { ...process.env, ...env } };
  const { status } = spawnSync(process.execPath, args, options);
  if (status !== 0) process.exit(status ?? 1);
};

run(['bin/xenops-native-build.js', '--out=build/asan', '-DXENOPS_ASAN=ON']);
const libraryOf = (name) =>
  realpathSync(execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim());
const preload = ['libasan.so.8', 'libubsan.so.1'].map(libraryOf).join(':');
const isLab = process.argv.includes('--lab');
run(['../../tools/setup/run-jest.mjs', ...process.argv.slice(2)], {
  XENOPS_TEST_ADDON: path.join(folder, 'build/asan/Release/xenops.node'),
  XENOPS_TEST_PRELOAD: preload,
  // Leaks are told from what Node itself keeps until its end by nobody; the lab tests count descriptors, threads and mappings.
  ...(isLab ? {} : { LD_PRELOAD: preload, ASAN_OPTIONS: 'detect_leaks=0' }),
});
