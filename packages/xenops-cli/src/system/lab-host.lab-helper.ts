/** A SliceHost in the Dom0 of a lab: real Xen. */
import { startLab, type Lab } from 'xenlab';
import type { Outcome, SliceHost } from './slice-host.ts';

/** Longest wait for one command under emulation. */
const EXEC_TIMEOUT_MS = 180_000;
const FOLDER = '/var/tmp/slice';

/**
 * What could be left behind: nodes with their permissions, domains, free memory, loop devices. The two roots that xl
 * leaves empty when it destroys a host's last domain are passed over.
 */
const FINGERPRINT = `
xenstore-ls -fp | grep -vE '^/(libxl|vm) = ""'
xl list | awk '{ print $1, $2, $3, $4 }'
xl info | grep -E '^(free_memory|outstanding_claims)'
losetup --list --noheadings
`;

/** Kills a build once its mark is in xenstore; the first event of a watch comes at once and is not it. */
const KILL_DURING_BUILD = `
signal=$1; shift
coproc WATCH { exec xenstore-watch -n 2 /libxl; }
read -r -u "\${WATCH[0]}" _
xenops "$@" &
build=$!
read -r -u "\${WATCH[0]}" _
kill -"$signal" "$build"
wait "$build"
exit 0
`;

/** Longest wait for a text on a console. */
const CONSOLE_TIMEOUT_S = 160;
/** Shows a console until a text has come; when none comes, what it had and what its vcpus do. */
const READ_CONSOLE = `
domid=$1 text=$2
xenstore-watch -n 1 "/local/domain/$domid/console/tty" >/dev/null
tty=$(xenstore-read "/local/domain/$domid/console/tty")
console=$(timeout ${CONSOLE_TIMEOUT_S} awk -v text="$text" '{ print; fflush() } index($0, text) { exit }' < "$tty")
case $console in *"$text"*) echo "$console"; exit;; esac
{
  echo "No $text on the console of domain $domid:"
  tail -n 30 <<< "$console"
  xl vcpu-list "$domid"
  for _ in 1 2 3; do /usr/lib/xen-4.*/bin/xenctx -C "$domid"; done
  xl dmesg | tail -n 20
} >&2
exit 1
`;

export class LabHost implements SliceHost {
  readonly lab: Lab;
  readonly kernel: string;
  readonly ramdisk: string;
  readonly folder: string = FOLDER;
  readonly upText = 'GUEST-UP';
  readonly tooMuchMemoryKib = 67_108_864;
  readonly tooLittleMemoryKib = 16_384;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.kernel = lab.guest.vmlinux;
    this.ramdisk = lab.guest.initrd;
  }

  /** A lab of its own with the workspace's commands in its Dom0. XENLAB_RELEASE and XENLAB_XENSTORED choose which Xen. */
  static async start(): Promise<LabHost> {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    const xenstored = process.env['XENLAB_XENSTORED'] === 'xenstored' ? 'xenstored' : 'oxenstored';
    const lab = await startLab({ release, xenstored });
    await lab.pushWorkspace();
    const host = new LabHost(lab);
    await host.sh(`mkdir -p ${FOLDER}`);
    return host;
  }

  async exec(argv: readonly string[]): Promise<Outcome> {
    return this.lab.exec({ argv, timeoutMs: EXEC_TIMEOUT_MS });
  }

  /** What a script prints; it must succeed. */
  async sh(script: string, ...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.exec(['bash', '-c', script, 'sh', ...args]);
    if (status !== 0) throw new Error(`A script in the lab ended with ${status}: ${stderr}`);
    return stdout.trimEnd();
  }

  async killDuringBuild(words: readonly string[], signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.sh(KILL_DURING_BUILD, signal.slice(3), ...words);
  }

  async waitForConsole(domid: number, text: string): Promise<string> {
    return this.sh(READ_CONSOLE, String(domid), text);
  }

  fingerprint(): Promise<string> {
    return this.sh(FINGERPRINT);
  }

  readNode(path: string): Promise<string> {
    return this.sh('xenstore-read "$1"', path);
  }

  async writeFile(path: string, content: string): Promise<void> {
    await this.lab.exec({
      argv: ['sh', '-c', 'cat > "$1"', 'sh', path],
      stdin: content,
      timeoutMs: EXEC_TIMEOUT_MS,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}
