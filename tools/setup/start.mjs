// `npm start`: sets up what is needed and shows the life of a domain through the `xenops` command, and of two VMs through
// the service of the host, each command with its result. On the embedded host, or with `--host lab` on real Xen with the
// Debian kernel as its guest. With `--keep` the service and its VMs are left running.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  checkNode,
  ensureAddon,
  ensureBuilt,
  ensureDebianPackages,
  ensureNodeModules,
  main,
  stage,
  StageError,
  workspace,
} from './stages.mjs';
import { serviceEnvironment, startServices, stopServices, vmStory } from './start-vms.mjs';

const HOSTS = ['sim', 'lab'];

function readOptions() {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: 'sim' },
      keep: { type: 'boolean', default: false },
    },
  });
  if (!HOSTS.includes(values.host)) {
    throw new StageError(`--host is one of ${HOSTS.join(', ')}, not "${values.host}"`);
  }
  return values;
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

/** Runs a program here and collects what it prints. What it leaves in the background is not waited for. */
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
    child.once('exit', (status) => setImmediate(() => resolve({ ...result, status })));
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

/** Where our commands are in the workspace. */
const COMMANDS = {
  xenops: 'xenops-cli/bin/xenops.cjs',
  xenmgr: 'xenmgr/bin/xenmgr.js',
  xec: 'xenmgr/bin/xec.js',
  'xec-vm': 'xenmgr/bin/xec-vm.js',
  'xenvm-cmd': 'xenvm/bin/xenvm-cmd.js',
};

const bin = (file) => path.join(workspace, 'packages', file);

/** A command in the workspace, with our commands by their names. */
function inWorkspace([command, ...words]) {
  const file = COMMANDS[command];
  const own = command === 'xenmgr' ? ['--xenvm', bin('xenvm/bin/xenvm.js')] : [];
  return file === undefined ? [command, ...words] : [process.execPath, bin(file), ...own, ...words];
}

/** The bus daemon, installed if need be; false where it cannot be. */
async function hasBus() {
  const isThere = () => spawnSync('dbus-daemon', ['--version'], { stdio: 'ignore' }).status === 0;
  if (isThere()) return true;
  await ensureDebianPackages(['dbus', 'systemd']).catch(() => undefined);
  return isThere();
}

/** An embedded host in a folder that goes away at the end. */
async function onSim({ isKept }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'xenops-start-'));
  const words = [bin('xenops-sim/bin/xensimd.js'), '--dir', folder];
  const daemon = spawn(process.execPath, words, {
    detached: isKept,
    stdio: ['ignore', 'pipe', isKept ? 'ignore' : 'inherit'],
  });
  let isLeft = false;
  try {
    await new Promise((resolve, reject) => {
      daemon.stdout.once('data', resolve);
      daemon.once('close', () => reject(new StageError('the embedded host did not start')));
    });
    show(`An embedded host runs in ${folder}; XENOPS_CONNECT=sim:${folder} leads xenops there.\n`);
    const services = path.join(folder, 'services');
    const env = { XENOPS_CONNECT: `sim:${folder}`, ...serviceEnvironment(services) };
    const run = (command) => runHere(inWorkspace(command), env);
    const kernel = path.join(folder, 'guests/linux');
    await story({
      ...{ run, kernel, ramdisk: undefined },
      showConsole: (domid) =>
        showFileUntil(path.join(folder, 'console', `${domid}.log`), 'simulated login:'),
    });
    if (!(await hasBus())) {
      show('\nThe service of the host is left out: it needs the Debian package dbus.\n');
      return;
    }
    isLeft = await serviceStory({ run, folder: services, kernel, isKept });
    if (isLeft) showKept({ env, daemonPid: daemon.pid, services });
  } finally {
    daemon.stdout.destroy();
    if (isLeft) daemon.unref();
    else {
      const closed = new Promise((resolve) => daemon.once('close', resolve));
      if (daemon.exitCode === null && daemon.kill('SIGTERM')) await closed;
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** Bus, service and VMs; gives whether they are left running. */
async function serviceStory({ run, folder, kernel, ramdisk, isKept }) {
  await startServices({ run, folder, show });
  let isLeft = false;
  try {
    const command = (...words) => shown(run, ...words);
    await vmStory({ shown: command, kernel, ramdisk, isLeftRunning: isKept });
    isLeft = isKept;
  } finally {
    if (!isLeft) await stopServices({ run, folder });
  }
  return isLeft;
}

function showKept({ env, daemonPid, services }) {
  show('\nAll of it is left running. To look around:\n\n');
  for (const [name, value] of Object.entries(env)) show(`  export ${name}=${value}\n`);
  show('  npx xec-vm\n  npx xec-vm -n desktop getall\n  npx xec -o /host getall\n');
  show('  busctl tree com.citrix.xenclient.xenmgr\n\nTo end it:\n\n');
  show('  npx xec-vm -n desktop shutdown; npx xec-vm -n storage shutdown\n');
  show(`  kill $(cat ${services}/xenmgr.pid); npx xenvm-cmd control quit\n`);
  show(`  kill $(cat ${services}/bus.pid) ${daemonPid}\n`);
}

const LAB_SERVICES = '/run/xenops-start';

/** A lab of its own: Debian's Xen in an emulator, from a snapshot. */
async function onLab({ isKept }) {
  await ensureAddon();
  const { startLab, streamProgress } = await import('xenlab');
  const progress = streamProgress(process.stderr);
  const lab = await stage('starting a real Xen', () => startLab({ progress }));
  try {
    await stage('bringing our packages into its Dom0', () => lab.pushWorkspace());
    const env = Object.entries(serviceEnvironment(LAB_SERVICES)).map((pair) => pair.join('='));
    const run = (argv) => lab.exec({ argv: ['env', ...env, ...argv], timeoutMs: 180_000 });
    const [kernel, ramdisk] = [lab.guest.vmlinux, lab.guest.initrd];
    await story({
      ...{ run, kernel, ramdisk },
      async showConsole(domid) {
        const script =
          'awk \'{ sub("\\r$", ""); print } /GUEST-UP/ { exit }\' < "$(xenstore-read /local/domain/$1/console/tty)" | tail -n 12';
        const { stdout } = await run(['bash', '-c', script, 'sh', domid]);
        show(stdout);
      },
    });
    await shown(run, 'xl', 'info', 'xen_version');
    await serviceStory({ run, folder: LAB_SERVICES, kernel, ramdisk, isKept: false });
    if (isKept) show('\nThe lab ends with this program; `npx xenlab up` gives one that stays.\n');
  } finally {
    await lab[Symbol.asyncDispose]();
  }
}

await main(async () => {
  const { host, keep: isKept } = readOptions();
  checkNode();
  await ensureNodeModules();
  await ensureBuilt();
  await (host === 'sim' ? onSim({ isKept }) : onLab({ isKept }));
  show('\nThat was it.\n');
});
