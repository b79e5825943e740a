// `npm test`: sets everything up and runs every check and test; the last line is `N passed, N failed`.
//   --unit  no Xen and no root, for while one works: format, types, and unit tests
//   --all   the tests of the lab on every release of Xen that the lab knows, with both xenstoreds, and those that take long
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  checkNode,
  ensureAddon,
  ensureBuilt,
  ensureDebianPackages,
  ensureNodeModules,
  execute,
  LONG_TEST_PACKAGES,
  main,
  resultsFolder,
  stage,
  TEST_PACKAGES,
  workspace,
} from './stages.mjs';

const unitOnly = process.argv.includes('--unit');
const all = process.argv.includes('--all');
const labs = [
  { XENLAB_RELEASE: 'bookworm', XENLAB_XENSTORED: 'oxenstored' },
  ...(all
    ? [
        { XENLAB_RELEASE: 'bookworm', XENLAB_XENSTORED: 'xenstored' },
        { XENLAB_RELEASE: 'trixie', XENLAB_XENSTORED: 'oxenstored' },
      ]
    : []),
];
/** Lets tests run that take long, or need a compiler of a gigabyte. */
const LONG = all ? { XENOPS_TEST_LONG: '1' } : {};
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

// Nothing is taken from nx's cache: a test that is counted here has run here.
const NX_ENVIRONMENT = { NX_TUI: 'false', NX_SKIP_NX_CACHE: 'true' };

const nx = (args, { show = false, env = {} } = {}) =>
  execute(bin('nx'), ['run-many', ...args, '--outputStyle=stream'], {
    show,
    env: { ...NX_ENVIRONMENT, ...env },
  });

async function lint() {
  const output = await nx(['-t', 'lint']);
  // Without the graph the rule on imports between packages is passed over with no more than this warning.
  if (output.includes(NX_WARNING)) {
    throw new Error('the rule on imports between packages did not run');
  }
  await refuseForbiddenImport();
}

/** Shows that the rule is alive: an import from the core up to the command line must be refused. */
async function refuseForbiddenImport() {
  const fixture = path.join(workspace, 'packages/xenops-core/src/forbidden-import.ts');
  writeFileSync(fixture, "export { run } from '@xenops/cli';\n");
  try {
    const { stdout } = spawnSync(bin('eslint'), [fixture], { cwd: workspace, encoding: 'utf8' });
    if (!stdout.includes('@nx/enforce-module-boundaries')) {
      throw new Error(`a forbidden import was not refused: ${stdout}`);
    }
  } finally {
    rmSync(fixture);
  }
}

/** The reports that a run of this target must leave: one for each package that has it. */
function expectedReports(target) {
  const folders = ['packages', 'tools'].flatMap((group) =>
    readdirSync(path.join(workspace, group)).map((name) => path.join(workspace, group, name)),
  );
  return folders.flatMap((folder) => {
    const file = path.join(folder, 'package.json');
    const { name, scripts } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    const suffix = target === 'test' ? '' : '.lab';
    return scripts?.[target] === undefined ? [] : [`${name.replaceAll('/', '-')}${suffix}.json`];
  });
}

/** What failed, told again at the end: thousands of lines are between the failure and there. */
const failures = [];

/** The tests that a report of jest says have failed, each with the first lines of why. */
function failedTests(name, report) {
  return report.testResults.flatMap(({ name: file, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    const texts = failed.map(({ fullName, failureMessages: [why = ''] }) => `${fullName}\n${why}`);
    return (texts.length > 0 || message === '' ? texts : [message]).map((text) =>
      [`${name}: ${path.relative(workspace, file)}`, ...text.split('\n').slice(0, 12)].join('\n  '),
    );
  });
}

/** Runs the tests of every package and adds up what jest reports; a package that reports nothing has failed. */
async function tests(title, target, env = {}) {
  const folder = resultsFolder();
  for (const file of readdirSync(folder)) rmSync(path.join(folder, file));
  // Labs take both processors: one at a time.
  const parallel = target === 'test' ? [] : ['--parallel=1'];
  let sum = await check(title, () => nx(['-t', target, ...parallel], { show: true, env }));
  for (const name of expectedReports(target)) {
    const file = path.join(folder, name);
    const report = existsSync(file)
      ? JSON.parse(readFileSync(file, 'utf8'))
      : { numPassedTests: 0, numFailedTests: 1, numRuntimeErrorTestSuites: 0, testResults: [] };
    failures.push(...failedTests(path.basename(name, '.json'), report));
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
    await ensureDebianPackages([...TEST_PACKAGES, ...(all ? LONG_TEST_PACKAGES : [])]);
    await ensureAddon();
  }
  const sums = [
    await check('checking the format', () =>
      execute(bin('prettier'), ['--check', '--log-level=warn', '.']),
    ),
    await check('checking types and building', ensureBuilt),
    ...(unitOnly ? [] : [await check('linting', lint)]),
    // With everything set up, a tool that is missing is a failure and no reason to leave tests out.
    await tests(
      'unit tests',
      'test',
      unitOnly ? { XENOPS_TEST_UNIT: '1' } : { XENOPS_TEST_ALL: '1', ...LONG },
    ),
  ];
  if (unitOnly) {
    process.stderr.write(
      '* left out: lint and *.{system,tools}.test.ts, whole programs; npm test runs them\n',
    );
  } else {
    if (!all) {
      process.stderr.write('* left out: *.long.lab.ts, which take an hour; test:all runs them\n');
    }
    for (const lab of labs) {
      const title = `tests on real Xen: ${Object.values(lab).join(' with ')}`;
      sums.push(await tests(title, 'test:lab', { ...lab, ...LONG }));
    }
  }
  for (const failure of failures) process.stderr.write(`FAILED: ${failure}\n`);
  const total = (key) => sums.reduce((sum, each) => sum + each[key], 0);
  process.stdout.write(`${total('passed')} passed, ${total('failed')} failed\n`);
  return total('failed') === 0 ? 0 : 1;
});
