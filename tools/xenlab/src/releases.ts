// The Debian releases that can be a Dom0.
import { LabError } from './errors.ts';

export interface Release {
  /** Debian's code name. */
  readonly name: ReleaseName;
  /** As in the names of Debian's packages: `xen-utils-4.17`. */
  readonly xenVersion: string;
}

export type ReleaseName = 'bookworm' | 'trixie';

export const releases: Readonly<Record<ReleaseName, Release>> = {
  bookworm: { name: 'bookworm', xenVersion: '4.17' },
  trixie: { name: 'trixie', xenVersion: '4.20' },
};

/** @throws LabError LAB_USAGE for a name that is not in the table. */
export function getRelease(name: string): Release {
  const release = Object.values(releases).find((candidate) => candidate.name === name);
  if (release === undefined) {
    throw new LabError('LAB_USAGE', {
      message: `There is no release "${name}": choose ${Object.keys(releases).join(' or ')}`,
    });
  }
  return release;
}

/** What is installed into a Dom0's root, besides Debian's required packages. */
export function dom0Packages({ xenVersion }: Release): readonly string[] {
  return [
    'linux-image-amd64',
    `xen-hypervisor-${xenVersion}-amd64`,
    `xen-utils-${xenVersion}`,
    'xenstore-utils',
    'qemu-system-xen',
    'ipxe-qemu',
    'seabios',
    'bridge-utils',
    'busybox-static',
    'cryptsetup-bin',
    'dbus',
    'dmsetup',
    'e2fsprogs',
    'gdb',
    'iproute2',
    'iputils-ping',
    'kmod',
    'libstdc++6',
    'lsof',
    'openssh-server',
    'procps',
    'python3-minimal',
    'qemu-utils',
    'socat',
    'strace',
    'systemd-sysv',
    'udev',
  ];
}
