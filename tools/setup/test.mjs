// `npm test`: sets everything up and runs every check and test; the last line is `N passed, N failed`.
//   --unit  no Xen and no root: format, lint, types, unit tests, and whole daemons on the embedded host
//   --all   the tests of the lab on every release of Xen that the lab knows, and with both xenstoreds
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import {
  checkNode,
  ensureAddon,
  ensureBuilt,
  ensureDebianPackages,
  ensureNodeModules,
  execute,
  main,
  resultsFolder,
  stage,
  TEST_PACKAGES,
  workspace,
} from './stages.mjs';

const unitOnly = process.argv.includes('--unit');
const labs = [
  { XENLAB_RELEASE: 'bookworm', XENLAB_XENSTORED: 'oxenstored' },
  ...(process.argv.includes('--all')
    ? [
        { XENLAB_RELEASE: 'bookworm', XENLAB_XENSTORED: 'xenstored' },
        { XENLAB_RELEASE: 'trixie', XENLAB_XENSTORED: 'oxenstored' },
      ]
    : []),
];
const bin = (name) => path.join(workspace, 'node_modules/.bin', name);
const NX_WARNING = 'No cached ProjectGraph is available';

/** A check that is no jest test: counts as one. */
async function check(title, work) {
  try {
    await stage(title, work);
    return { passed: 1, failed: 0 };
  } catch (error) {
    process.stderr.write(`FAILED: ${title}: ${error.message}\n`);
    return { passed: 0, failed: 1 };
  }
}

const nx = (...args) =>
  execute(bin('nx'), [...args, '--outputStyle=stream'], { env: { NX_TUI: 'false' } });

async function lint() {
  const output = await nx('run-many', '-t', 'lint');
  // Without the graph the rule on imports between packages is passed over with no more than this warning.
  if (output.includes(NX_WARNING))
    throw new Error('the rule on imports between packages did not run');
}

/** Runs the tests of every package and adds up what jest reports; a package that reports nothing has failed. */
async function tests(title, target, env = {}) {
  const folder = resultsFolder();
  for (const file of readdirSync(folder)) rmSync(path.join(folder, file));
  let sum = await check(title, () =>
    execute(
      bin('nx'),
      [
        'run-many',
        '-t',
        target,
        '--outputStyle=stream',
        ...(target === 'test' ? [] : ['--parallel=1']),
      ],
      {
        show: true,
        env: { NX_TUI: 'false', ...env },
      },
    ),
  );
  for (const file of readdirSync(folder)) {
    const report = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    sum = {
      passed: sum.passed + report.numPassedTests,
      failed: sum.failed + report.numFailedTests + report.numRuntimeErrorTestSuites,
    };
  }
  return sum;
}

await main(async () => {
  checkNode();
  await ensureNodeModules();
  if (!unitOnly) {
    await ensureDebianPackages(TEST_PACKAGES);
    await ensureAddon();
  }
  const sums = [
    await check('checking the format', () =>
      execute(bin('prettier'), ['--check', '--log-level=warn', '.']),
    ),
    await check('checking types and building', ensureBuilt),
    await check('linting', lint),
    // With everything set up, a tool that is missing is a failure and no reason to leave tests out.
    await tests('unit tests', 'test', unitOnly ? {} : { XENOPS_TEST_ALL: '1' }),
  ];
  if (!unitOnly) {
    for (const lab of labs) {
      const title = `tests on real Xen: ${Object.values(lab).join(' with ')}`;
      sums.push(await tests(title, 'test:lab', lab));
    }
  }
  const total = (key) => sums.reduce((sum, each) => sum + each[key], 0);
  process.stdout.write(`${total('passed')} passed, ${total('failed')} failed\n`);
  return total('failed') === 0 ? 0 : 1;
});
