/** The Dom0 of a lab with the manager and its monitor as services of systemd: real Xen, as an administrator has it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildTestguest } from 'testguest';
import { startLab, type Lab } from 'xenlab';
import { writeHvmDisk } from './hvm-disk.lab-helper.ts';

/** Longest wait for one command under emulation. */
const EXEC_TIMEOUT_MS = 240_000;
const FOLDER = '/var/tmp/xenmgr';
/** A fully virtual guest boots from it: hvmloader, SeaBIOS, boot sector. */
const HVM_DISK = `${FOLDER}/hvm.img`;
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

/** Waits until all of these VMs run and no start is under way, and then until their guests are up. */
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
wait "$watch_pid" || true
for uuid; do
  up="/local/domain/$(xenstore-read "/xenmgr/vms/$uuid/domid")/data/testguest/kind"
  coproc GUEST { exec xenstore-watch "$up"; }
  guest_pid=$GUEST_PID
  until xenstore-exists "$up"; do
    read -r -t 200 -u "\${GUEST[0]}" _ || exit 1
  done
  kill "$guest_pid"
  wait "$guest_pid" || true
done
`;

/** In place of systemctl: notes what it is told and which guests there are then. */
const PLAYED_SYSTEMCTL = `#!/bin/sh
{ echo "$@"; xl list | tail -n +3; } >> ${FOLDER}/powered
`;

/** What distinguishes a VM of the test. */
export interface LabVm {
  readonly uuid: string;
  readonly name: string;
  readonly kind: 'pv' | 'pvh' | 'hvm';
  readonly startPriority: number;
  readonly stopPriority: number;
  readonly needs?: string;
}

/** What the test guest needs to boot as one kind or another, below `config` in the database. */
function guestSettings(kind: LabVm['kind'], kernel: string): object {
  // The emulated processor does not tell Xen the length of an intercepted RDTSCP.
  const processor = { 'extra-xenvm': ['tsc-mode=native'] };
  if (kind === 'pv') return { 'virt-type': 'pv', memory: '16', kernel };
  if (kind === 'pvh') return { 'virt-type': 'pvh', memory: '16', kernel, ...processor };
  const disk = { path: HVM_DISK, type: 'file', mode: 'w', device: 'hda', devtype: 'disk' };
  return {
    // A graphics card has a BIOS of its own, which takes minutes under emulation.
    ...{ 'virt-type': 'hvm', memory: '64', display: 'nogfx', 'qemu-dm-timeout': '120' },
    ...processor,
    disk: { 0: disk },
  };
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
    await pushGuests(lab, image);
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
    const settings = {
      ...{ uuid, name, slot: '0', start_on_boot: 'true' },
      start_on_boot_priority: String(vm.startPriority),
      'shutdown-priority': String(vm.stopPriority),
      config: guestSettings(kind, this.#kernel),
    };
    const words = ['create-vm-with-template-and-json', 'new-vm-empty', JSON.stringify(settings)];
    await this.sh('xec "$@"', ...words);
    if (needs !== undefined) await this.sh('xec-vm -n "$1" set depends-on "$2"', name, needs);
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

/** The test guest as a kernel, and as the disk of a fully virtual guest. */
async function pushGuests(lab: Lab, image: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-lab-'));
  try {
    const disk = path.join(folder, path.basename(HVM_DISK));
    await writeHvmDisk(image, disk);
    await lab.push([image, disk], { to: FOLDER });
  } finally {
    await rm(folder, { recursive: true });
  }
}
