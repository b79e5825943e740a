// Makes the folder that becomes Dom0's disk: Debian by mmdebstrap, then what the lab adds.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {
  parseDeb822Sources,
  parseOneLineSources,
  renderSource,
  sourcesForRelease,
} from './apt-sources.ts';
import { LabError } from './errors.ts';
import { assetsFolder } from './paths.ts';
import { runProgram } from './process.ts';
import { dom0Packages } from './releases.ts';
import type { Release } from './releases.ts';

/** Where Dom0 keeps the kernels and the initramfs for guests. */
export const GUEST_FOLDER = '/usr/share/xenlab/guest';

/** Units that would only make noise, wake up, or wait in a lab. */
const MASKED_UNITS = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'fstrim.timer'],
  ...['e2scrub_all.timer', 'e2scrub_reap.service', 'systemd-tmpfiles-clean.timer'],
  ...['getty.target', 'serial-getty@hvc0.service', 'getty@tty1.service', 'xendomains.service'],
  ...['systemd-networkd-wait-online.service', 'systemd-rfkill.socket', 'ldconfig.service'],
];
const ENABLED_UNITS = ['systemd-networkd.service', 'xenlab-ready.service'];

/** Options that a mirror may need, taken over from this machine's apt. */
const APT_OPTION =
  /^Acquire::((http|https)::(Proxy|Verify-Peer|CaInfo).*|Check-(Date|Valid-Until)|Retries) "(.*)";$/;
const DPKG_OPTIONS = [
  'force-unsafe-io',
  ...['doc', 'man', 'locale', 'info'].map((name) => `path-exclude=/usr/share/${name}/*`),
];

/** The code name of the Debian release that this machine runs. */
export function readHostRelease(): string {
  return /^VERSION_CODENAME="?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
}

/**
 * The lines of sources.list(5) for a release, from this machine's apt configuration.
 *
 * @throws LabError LAB_HOST_UNSUITABLE when this is no Debian or has no Debian mirror.
 */
export function readDebianSources(release: string): readonly string[] {
  const hostRelease = readHostRelease();
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder)
      ? readdirSync(folder)
          .sort()
          .map((name) => path.join(folder, name))
      : []),
  ].filter((file) => existsSync(file));
  const sources = files.flatMap((file) => {
    if (file.endsWith('.sources')) return parseDeb822Sources(readFileSync(file, 'utf8'));
    return file.endsWith('.list') ? parseOneLineSources(readFileSync(file, 'utf8')) : [];
  });
  const lines = sourcesForRelease(sources, { hostRelease, release }).map(renderSource);
  if (lines.length > 0) return [...new Set(lines)];
  throw new LabError('LAB_HOST_UNSUITABLE', {
    message: `The apt configuration of this machine ("${hostRelease}") names no Debian mirror to take ${release} from`,
  });
}

/** Installs Debian into `root`, which must not exist; needs root. The log of the installation goes to `logFile`. */
export async function installDebian(
  release: Release,
  {
    root,
    logFile,
    signal,
  }: {
    readonly root: string;
    readonly logFile: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const options = [
    ...['--mode=root', '--variant=minbase', `--logfile=${logFile}`],
    ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
    `--include=${dom0Packages(release).join(',')}`,
  ];
  await mmdebstrap(release, { options, target: root, signal });
}

/** Extracts the headers and libraries of a release's Xen into `target`, and nothing that hides the compiler's own. */
export async function installHeaders(release: Release, target: string): Promise<void> {
  const options = ['--mode=root', '--variant=extract', '--include=libxen-dev'];
  await mmdebstrap(release, { options, target });
}

async function mmdebstrap(
  release: Release,
  {
    options,
    target,
    signal,
  }: {
    readonly options: readonly string[];
    readonly target: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const aptOptions = execFileSync('apt-config', ['dump'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => APT_OPTION.test(line));
  await runProgram(
    [
      ...['mmdebstrap', '--format=directory', ...options],
      ...['APT::Install-Recommends "false"', 'Acquire::Languages "none"', ...aptOptions].map(
        (option) => `--aptopt=${option}`,
      ),
      ...[release.name, target, ...readDebianSources(release.name)],
    ],
    {
      // INITRD=No: the kernel package makes no initramfs, which takes longest and is not used.
      env: { ...process.env, INITRD: 'No' },
      doing: `the installation of packages of Debian ${release.name}`,
      timeoutMs: 1_800_000,
      signal,
    },
  );
}

/** Adds the lab's configuration, this Node and the public key of the lab's user to an installed root. */
export async function customiseRoot(
  root: string,
  { publicKey }: { readonly publicKey: string },
): Promise<void> {
  cpSync(path.join(assetsFolder, 'dom0'), root, { recursive: true });
  const write = (file: string, text: string, mode = 0o644): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text, { mode });
  };
  chmodSync(path.join(root, 'usr/local/lib/xenlab/ready'), 0o755);
  write('root/.ssh/authorized_keys', publicKey, 0o600);
  chmodSync(path.join(root, 'root/.ssh'), 0o700);
  write('etc/machine-id', `${randomBytes(16).toString('hex')}\n`);
  rmSync(path.join(root, 'etc/resolv.conf'), { force: true });
  write('etc/resolv.conf', '');
  cpSync(process.execPath, path.join(root, 'usr/local/bin/node'));
  const chroot = (...argv: readonly string[]): Promise<Buffer> =>
    runProgram(['chroot', root, ...argv], {
      doing: `setting up Dom0 (${argv[0] ?? ''})`,
      timeoutMs: 60_000,
    });
  await chroot('systemctl', '-q', 'mask', ...MASKED_UNITS);
  await chroot('systemctl', '-q', 'enable', ...ENABLED_UNITS);
  await chroot('/usr/local/bin/node', '--version');
}

/** The kernel release in a root: the one folder of its modules. */
export function readKernelRelease(root: string): string {
  const [release] = readdirSync(path.join(root, 'lib/modules'));
  if (release === undefined) {
    throw new LabError('LAB_COMMAND_FAILED', {
      message: 'The installation of Debian brought no kernel',
    });
  }
  return release;
}
