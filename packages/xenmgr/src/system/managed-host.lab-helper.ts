/** The Dom0 of a lab with the manager and its monitor as services of systemd: real Xen, as an administrator has it. */
import path from 'node:path';
import { buildTestguest } from 'testguest';
import { startLab, type Lab } from 'xenlab';

/** Longest wait for one command under emulation. */
const EXEC_TIMEOUT_MS = 240_000;
const FOLDER = '/var/tmp/xenmgr';
const PACKAGES = '/opt/xenops/packages';

/** The files of both packages where the guide has them. */
const INSTALL = `
set -e
cd ${PACKAGES}
cp xenvm/units/xenvm.service xenmgr/units/xenmgr.service xenmgr/units/xenmgr-guests.service /etc/systemd/system/
cp xenvm/units/*.conf xenmgr/units/com.citrix.*.conf /etc/dbus-1/system.d/
cp xenmgr/units/com.citrix.*.service /usr/share/dbus-1/system-services/
mkdir -p /etc/sysusers.d /etc/tmpfiles.d
cp xenmgr/units/xenmgr.sysusers.conf /etc/sysusers.d/xenmgr.conf
cp xenmgr/units/xenmgr.tmpfiles.conf /etc/tmpfiles.d/xenmgr.conf
systemd-sysusers xenmgr.conf
systemd-tmpfiles --create xenmgr.conf
systemctl daemon-reload
systemctl start dbus
systemctl reload dbus
systemctl start xenvm xenmgr xenmgr-guests
`;

/** Ends the services and has the manager take the next start for the first one after a boot. */
const BOOT = `
set -e
systemctl stop xenmgr xenvm
xenstore-rm /xenmgr
systemctl start xenvm
systemctl start xenmgr-guests
systemctl start --no-block xenmgr
`;

/** Kills the manager as soon as it has noted that it starts a VM. */
const KILL_WHEN_STARTING = `
coproc WATCH { exec xenstore-watch /xenmgr; }
watch_pid=$WATCH_PID
until xenstore-exists "/xenmgr/starting/$1"; do
  read -r -t 200 -u "\${WATCH[0]}" _ || exit 1
done
systemctl kill --signal=KILL --kill-whom=main xenmgr
kill "$watch_pid"
`;

/** Waits until all of these VMs run and no start is under way. */
const WAIT_RUNNING = `
coproc WATCH { exec xenstore-watch /vm /xenmgr; }
watch_pid=$WATCH_PID
running() {
  for uuid; do
    [ "$(xenstore-read "/vm/$uuid/state" 2>/dev/null)" = running ] || return 1
  done
  [ -z "$(xenstore-list /xenmgr/starting 2>/dev/null)" ]
}
until running "$@"; do
  read -r -t 200 -u "\${WATCH[0]}" _ || exit 1
done
kill "$watch_pid"
`;

/** In place of systemctl: notes what it is told and which guests there are then. */
const PLAYED_SYSTEMCTL = `#!/bin/sh
{ echo "$@"; xl list | tail -n +3; } >> ${FOLDER}/powered
`;

/** What distinguishes a VM of the test. */
export interface LabVm {
  readonly uuid: string;
  readonly name: string;
  readonly kind: 'pv' | 'pvh' | 'debian';
  readonly startPriority: number;
  readonly stopPriority: number;
  readonly needs?: string;
}

export class ManagedHost implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #kernel: string;

  private constructor(lab: Lab, kernel: string) {
    this.#lab = lab;
    this.#kernel = kernel;
  }

  /** A lab of its own, with our commands. XENLAB_RELEASE and XENLAB_XENSTORED choose which Xen. */
  static async open(): Promise<ManagedHost> {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    const xenstored = process.env['XENLAB_XENSTORED'] === 'xenstored' ? 'xenstored' : 'oxenstored';
    const [lab, image] = await Promise.all([startLab({ release, xenstored }), buildTestguest()]);
    await lab.pushWorkspace();
    await lab.push([image], { to: FOLDER });
    return new ManagedHost(lab, path.posix.join(FOLDER, path.basename(image)));
  }

  /** The same with the services running. */
  static async start(): Promise<ManagedHost> {
    const host = await ManagedHost.open();
    await host.sh(INSTALL);
    return host;
  }

  /** Copies kernel and ramdisk of a Linux guest into a folder, as `vmlinux` and `initrd`. */
  async putGuest(folder: string): Promise<void> {
    const { vmlinux, initrd } = this.#lab.guest;
    await this.sh(
      'mkdir -p "$1" && cp "$2" "$1/vmlinux" && cp "$3" "$1/initrd"',
      folder,
      vmlinux,
      initrd,
    );
  }

  /** What a bash script prints; it must succeed. */
  async sh(script: string, ...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.#lab.exec({
      argv: ['bash', '-c', script, 'sh', ...args],
      timeoutMs: EXEC_TIMEOUT_MS,
    });
    if (status !== 0) {
      throw new Error(`A script in the lab ended with ${status}: ${stdout}${stderr}`);
    }
    return stdout.trimEnd();
  }

  /** Creates a VM that starts with the host. */
  async create(vm: LabVm): Promise<void> {
    const { uuid, name, needs, kind } = vm;
    const { vmlinux, initrd } = this.#lab.guest;
    const guest =
      kind === 'debian'
        ? { kernel: vmlinux, initrd, memory: '192' }
        : { kernel: this.#kernel, memory: '16' };
    // The emulated processor does not tell Xen the length of an intercepted RDTSCP.
    const pvh = { 'virt-type': 'pvh', 'extra-xenvm': ['tsc-mode=native'] };
    const settings = {
      ...{ uuid, name, slot: '0', start_on_boot: 'true' },
      start_on_boot_priority: String(vm.startPriority),
      'shutdown-priority': String(vm.stopPriority),
      ...(needs === undefined ? {} : { 'track-dependencies': 'true', 'depends-on': [needs] }),
      config: {
        cmdline: 'console=hvc0',
        ...guest,
        ...(kind === 'pv' ? { 'virt-type': 'pv' } : pvh),
      },
    };
    const words = ['create-vm-with-template-and-json', 'new-vm-empty', JSON.stringify(settings)];
    await this.sh('xec "$@"', ...words);
  }

  /** Has the manager start as after a boot of the host, without waiting for it. */
  async boot(): Promise<void> {
    await this.sh(BOOT);
  }

  async killWhenStarting(uuid: string): Promise<void> {
    await this.sh(KILL_WHEN_STARTING, uuid);
  }

  async waitRunning(uuids: readonly string[]): Promise<void> {
    await this.sh(WAIT_RUNNING, ...uuids);
  }

  /** The domids of the guests by the uuids of their VMs, as xl has them; one that is there twice has two. */
  async guests(): Promise<ReadonlyMap<string, readonly number[]>> {
    const lines = (await this.sh('xl vm-list | tail -n +2')).split('\n');
    const found = new Map<string, number[]>();
    for (const line of lines) {
      const [uuid = '', domid = ''] = line.trim().split(/\s+/);
      if (domid !== '0' && uuid !== '')
        found.set(uuid, [...(found.get(uuid) ?? []), Number(domid)]);
    }
    return found;
  }

  /** From now on nothing happens to the power of the host. Gives what was asked for, with the guests that were left. */
  async playPower(): Promise<() => Promise<string>> {
    const file = `${FOLDER}/systemctl`;
    await this.sh(
      'printf %s "$2" > "$1" && chmod 755 "$1" && mount --bind "$1" /usr/bin/systemctl',
      file,
      PLAYED_SYSTEMCTL,
    );
    return async () => {
      await this.sh('umount /usr/bin/systemctl');
      return this.sh(`cat ${FOLDER}/powered`);
    };
  }

  /** The VMs whose guests have ended since a moment of the journal's clock, in order. */
  async stoppedSince(since: string): Promise<readonly string[]> {
    const lines = await this.sh('journalctl -u xenmgr -o cat --no-pager --since "$1"', since);
    return [...lines.matchAll(/\|([0-9a-f-]{36})\|xenmgr\] The VM is shutdown$/gm)].map(
      ([, uuid = '']) => uuid,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab[Symbol.asyncDispose]();
  }
}
