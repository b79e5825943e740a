// `npm start`: sets up what is needed and shows the life of a domain through the `xenops` command, each command with its
// result. On the embedded host, or with `--host lab` on real Xen with the Debian kernel as its guest.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  checkNode,
  ensureAddon,
  ensureBuilt,
  ensureNodeModules,
  main,
  stage,
  StageError,
  workspace,
} from './stages.mjs';

const HOSTS = ['sim', 'lab'];

function readHost() {
  const { values } = parseArgs({ options: { host: { type: 'string', default: 'sim' } } });
  if (!HOSTS.includes(values.host)) {
    throw new StageError(`--host is one of ${HOSTS.join(', ')}, not "${values.host}"`);
  }
  return values.host;
}

const show = (text) => process.stdout.write(text);

/** Shows a command, runs it, shows what it printed, and gives that back. A command that fails ends the show. */
async function shown(run, ...words) {
  show(`\n$ ${words.map((word) => (/^[\w./:=-]+$/.test(word) ? word : `'${word}'`)).join(' ')}\n`);
  const { status, stdout, stderr } = await run(words);
  show(stdout);
  show(stderr);
  if (status !== 0) throw new StageError(`the command ended with status ${status}`);
  return stdout.trim();
}

/** The story, the same on every host. */
async function story({ run, kernel, ramdisk, showConsole }) {
  const xenops = (...words) => shown(run, 'xenops', ...words);
  const domid = await xenops('create_domain', '-name', 'demo');
  await xenops(
    ...['build_domain', '-domid', domid, '-memory', '128M', '-vcpus', '2', '-kernel', kernel],
    ...(ramdisk === undefined ? [] : ['-ramdisk', ramdisk]),
    ...['-cmdline', 'console=hvc0'],
  );
  await xenops('list_domains', '-v');
  await xenops('unpause_domain', '-domid', domid);
  show('\nThe console of the guest:\n');
  await showConsole(domid);
  await xenops('list_domains', '-v');
  await xenops('shutdown_domain', '-domid', domid, '-poweroff', '-sync', '-timeout', '120');
  await xenops('list_domains');
  await xenops('destroy_domain', '-domid', domid);
  await xenops('list_domains');
}

/** Runs a program here and collects what it prints. */
function runHere(words, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(words[0], words.slice(1), {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const result = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (chunk) => (result[name] += chunk));
    }
    child.once('error', reject);
    child.once('close', (status) => resolve({ ...result, status }));
  });
}

/** Shows a file as soon as it has this text, which must come within the time. */
async function showFileUntil(file, text) {
  const changes = watch(path.dirname(file));
  const timer = setTimeout(
    () => changes.emit('error', new StageError(`no "${text}" in ${file}`)),
    30_000,
  );
  try {
    await new Promise((resolve, reject) => {
      const look = () => {
        const content = existsSync(file) ? readFileSync(file, 'utf8') : '';
        if (content.includes(text)) resolve(show(`${content.trimEnd()}\n`));
      };
      changes.on('change', look).once('error', reject);
      look();
    });
  } finally {
    clearTimeout(timer);
    changes.close();
  }
}

/** An embedded host in a folder that goes away at the end. */
async function onSim() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'xenops-start-'));
  const bin = (file) => path.join(workspace, 'packages', file);
  const daemon = spawn(process.execPath, [bin('xenops-sim/bin/xensimd.js'), '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve, reject) => {
      daemon.stdout.once('data', resolve);
      daemon.once('close', () => reject(new StageError('the embedded host did not start')));
    });
    show(`An embedded host runs in ${folder}; XENOPS_CONNECT=sim:${folder} leads xenops there.\n`);
    const env = { XENOPS_CONNECT: `sim:${folder}` };
    await story({
      run: ([, ...words]) =>
        runHere([process.execPath, bin('xenops-cli/bin/xenops.cjs'), ...words], env),
      kernel: path.join(folder, 'guests/linux'),
      ramdisk: undefined,
      showConsole: (domid) =>
        showFileUntil(path.join(folder, 'console', `${domid}.log`), 'simulated login:'),
    });
  } finally {
    const closed = new Promise((resolve) => daemon.once('close', resolve));
    if (daemon.exitCode === null && daemon.kill('SIGTERM')) await closed;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A lab of its own: Debian's Xen in an emulator, from a snapshot. */
async function onLab() {
  await ensureAddon();
  const { startLab, streamProgress } = await import('xenlab');
  const progress = streamProgress(process.stderr);
  const lab = await stage('starting a real Xen', () => startLab({ progress }));
  try {
    await stage('bringing our packages into its Dom0', () => lab.pushWorkspace());
    const run = (argv) => lab.exec({ argv, timeoutMs: 180_000 });
    await story({
      run,
      kernel: lab.guest.vmlinux,
      ramdisk: lab.guest.initrd,
      async showConsole(domid) {
        const script =
          'awk \'{ sub("\\r$", ""); print } /GUEST-UP/ { exit }\' < "$(xenstore-read /local/domain/$1/console/tty)" | tail -n 12';
        const { stdout } = await run(['bash', '-c', script, 'sh', domid]);
        show(stdout);
      },
    });
    await shown(run, 'xl', 'info', 'xen_version');
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

await main(async () => {
  const host = readHost();
  checkNode();
  await ensureNodeModules();
  await ensureBuilt();
  await (host === 'sim' ? onSim() : onLab());
  show('\nThat was it: the domain is gone and so is the host.\n');
});
