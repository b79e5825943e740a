// The programs that a lab needs on this machine, and the packages that hold them.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { LabError } from './errors.ts';
import { runProgram } from './process.ts';
import type { Progress } from './progress.ts';

const packageOf = {
  flock: 'util-linux',
  mke2fs: 'e2fsprogs',
  mmdebstrap: 'mmdebstrap',
  'qemu-img': 'qemu-utils',
  'qemu-system-x86_64': 'qemu-system-x86',
  setpriv: 'util-linux',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  tar: 'tar',
  xz: 'xz-utils',
  zstd: 'zstd',
} as const;

export type HostTool = keyof typeof packageOf;

/** What a running lab needs, and what making an image needs on top. */
export const RUN_TOOLS: readonly HostTool[] = [
  'flock',
  'qemu-img',
  'qemu-system-x86_64',
  'setpriv',
  'ssh',
  'tar',
];
export const BUILD_TOOLS: readonly HostTool[] = [
  'mke2fs',
  'mmdebstrap',
  'ssh-keygen',
  'xz',
  'zstd',
];

/**
 * Installs the packages of the tools that are missing, as root.
 *
 * @throws LabError LAB_HOST_UNSUITABLE when not root, with the command to run.
 */
export async function ensureHostTools(
  tools: readonly HostTool[],
  progress: Progress,
): Promise<void> {
  const missing = tools.filter((tool) => !isOnPath(tool));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => packageOf[tool]))];
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages];
  if (process.getuid?.() !== 0) {
    throw new LabError('LAB_HOST_UNSUITABLE', {
      message: `This machine has no ${missing.join(', ')}; as root run: ${install.join(' ')}`,
    });
  }
  progress.stage(`Installing ${packages.join(' ')} on this machine`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, doing: `the installation of ${packages.join(' ')}`, timeoutMs: 600_000 };
  await runProgram(['apt-get', 'update', '-q'], options);
  await runProgram(install, options);
}

function isOnPath(tool: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
