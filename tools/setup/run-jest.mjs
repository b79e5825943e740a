// Runs jest for the package in the current folder and leaves its figures in .test-results/NAME.json,
// where the closing line of `npm test` is counted from. `--lab` runs the tests that need a real Xen.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const workspace = fileURLToPath(new URL('../..', import.meta.url));
const results = path.join(workspace, '.test-results');
mkdirSync(results, { recursive: true });

const args = process.argv.slice(2);
const lab = args[0] === '--lab';
if (lab) args.shift();
const name = JSON.parse(readFileSync('package.json', 'utf8')).name.replaceAll('/', '-');
const jest = path.join(
  path.dirname(createRequire(import.meta.url).resolve('jest/package.json')),
  'bin/jest.js',
);
const outcome = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    jest,
    '--config',
    lab ? 'jest.lab.config.mjs' : 'jest.config.mjs',
    '--passWithNoTests',
    '--json',
    `--outputFile=${path.join(results, `${name}${lab ? '.lab' : ''}.json`)}`,
    ...(lab ? ['--runInBand'] : ['--maxWorkers=2']),
    ...args,
  ],
  { stdio: ['inherit', 'ignore', 'inherit'] },
);
process.exitCode = outcome.status ?? 1;
