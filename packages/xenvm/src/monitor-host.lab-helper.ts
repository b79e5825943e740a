/** The Dom0 of a lab with a monitor in it, driven as clients would: real Xen. */
import path from 'node:path';
import { askTestguest, buildTestguest } from 'testguest';
import { startLab, type Lab } from 'xenlab';

/** Longest wait for one command under emulation. */
const EXEC_TIMEOUT_MS = 180_000;
const FOLDER = '/var/tmp/xenvm';
const SOCKETS = '/var/run/xenvm';
const PACKAGE = '/opt/xenops/packages/xenvm';

/** The VM of the tests. */
export const UUID = '11111111-2222-3333-4444-555555555555';
const BUS_NAME = `org.xen.vm.uuid_${UUID.replaceAll('-', '_')}`;
const OBJECT_PATH = `/org/xen/vm/${UUID.replaceAll('-', '_')}`;

/**
 * Two disks, who may own which bus name, and a listener that writes every notification into a file; it reads only (-u), or it would hang up
 * at the end of that file.
 */
const PREPARE = `
cd ${FOLDER}
truncate -s 2M disk-a.img disk-b.img
cp ${PACKAGE}/units/org.xen.vm.conf /etc/dbus-1/system.d/
systemctl start dbus
systemctl reload dbus
: > told
setsid socat -u UNIX-LISTEN:${FOLDER}/listener,fork OPEN:${FOLDER}/told,append >/dev/null 2>&1 &
`;

/**
 * What could be left behind: nodes with their permissions, domains, free memory, loop devices. Folders that stay when a
 * host's last domain goes are passed over.
 */
const FINGERPRINT = `
xenstore-ls -fp | grep -vE '^/(libxl|vm|xenops|xenops/vm|local/domain/0/(backend|device-model)(/(vbd|vif|console))?) = ""'
xl list | awk '{ print $1, $2, $3, $4 }'
xl info | grep -E '^(free_memory|outstanding_claims)'
losetup --list --noheadings
`;

/** Waits until a line of a growing file, behind the first ones, matches. */
const WAIT_FOR_LINE = `
coproc TAIL { exec tail -n "+$2" -F "$1" 2>/dev/null; }
trap 'kill "$TAIL_PID"' EXIT
timeout 120 grep -m 1 -E "$3" <&"\${TAIL[0]}" || { echo "no line matches $3 in:"; tail -n "+$2" "$1"; exit 1; } >&2
`;

/** Starts the monitor in the background; its launcher ends when the VM is served. */
const START = `
cd ${FOLDER}
xenvm --strict-config --monitor-json true --pid-file ${FOLDER}/pid --config vm.conf
`;

/** Kills the monitor, without a chance to say goodbye. */
const KILL = `
pid=$(cat ${FOLDER}/pid)
kill -9 "$pid"
tail --pid "$pid" -f /dev/null
`;

/** Whether the last monitor that was started is there. */
const IS_SERVED = `kill -0 "$(cat ${FOLDER}/pid)" 2>/dev/null && echo yes || true`;

/** What the host can tell about a test that failed. */
const SEEN = `
cd ${FOLDER}
for what in 'xl list' 'tail -n 30 told' 'tail -n 20 serial' 'journalctl -q -t xenvm -n 60 --no-pager' \
  "xenstore-ls /xenops/vm" 'tail -n 20 /var/log/xen/qemu-dm-guest.log' 'xl dmesg -c'; do
  echo "--- $what"
  $what 2>&1 | tail -n 60
done
`;

/** Sends a request and, as soon as the record of the VM has a text, kills the monitor; the task may be quicker. */
const KILL_WHEN_NOTED = `
record=/xenops/vm/${UUID}
pid=$(cat ${FOLDER}/pid)
noted() {
  for part in $(xenstore-list "$record" 2>/dev/null); do xenstore-read "$record/$part"; done |
    tr -d '\\n' | grep -qF -e "$2"
}
coproc WATCH { exec xenstore-watch "$record"; }
watch_pid=$WATCH_PID
read -r -u "\${WATCH[0]}" _
printf '%s\\n' "$1" | socat -t 170 - "UNIX-CONNECT:${SOCKETS}/vm-${UUID}" > ${FOLDER}/answer &
asking=$!
until [ -s ${FOLDER}/answer ]; do
  if noted "$@"; then break; fi
  read -r -t 1 -u "\${WATCH[0]}" _ || kill -0 "$asking" 2>/dev/null || break
done
kill -9 "$pid"
tail --pid "$pid" -f /dev/null
kill "$watch_pid"
wait "$asking"
exit 0
`;

export type GuestType = 'pv' | 'pvh';

/** An answer of the persistent framing. */
export interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly data?: { readonly name?: string } };
}

export class MonitorHost implements AsyncDisposable {
  readonly lab: Lab;
  readonly folder: string = FOLDER;
  readonly #kernel: string;
  /** Lines of notifications that have been looked at. */
  #toldCount = 0;

  private constructor(lab: Lab, kernel: string) {
    this.lab = lab;
    this.#kernel = kernel;
  }

  /** A lab of its own with the workspace's commands in its Dom0. XENLAB_RELEASE and XENLAB_XENSTORED choose which Xen. */
  static async start(): Promise<MonitorHost> {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    const xenstored = process.env['XENLAB_XENSTORED'] === 'xenstored' ? 'xenstored' : 'oxenstored';
    const [lab, image] = await Promise.all([startLab({ release, xenstored }), buildTestguest()]);
    await lab.pushWorkspace();
    await lab.push([image], { to: FOLDER });
    const host = new MonitorHost(lab, path.posix.join(FOLDER, path.basename(image)));
    await host.sh(PREPARE);
    return host;
  }

  /** What a bash script prints; it must succeed. */
  async sh(script: string, ...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.lab.exec({
      argv: ['bash', '-c', script, 'sh', ...args],
      timeoutMs: EXEC_TIMEOUT_MS,
    });
    if (status !== 0) {
      throw new Error(`A script in the lab ended with ${status}: ${stdout}${stderr}`);
    }
    return stdout.trimEnd();
  }

  /** Writes the config file of a guest that boots in milliseconds, with these lines besides. */
  async configure(type: GuestType, lines: readonly string[] = []): Promise<void> {
    await this.write([
      ...[`type=${type}`, `kernel=${this.#kernel}`, 'memory=8', 'no_mem_check=true'],
      // The emulated processor does not tell Xen the length of an intercepted RDTSCP.
      ...(type === 'pvh' ? ['tsc-mode=native'] : []),
      ...lines,
    ]);
  }

  /** Writes the config file with these lines, identity and listener. */
  async write(lines: readonly string[]): Promise<void> {
    const common = [`uuid=${UUID}`, 'name=guest', `notify=unix,${FOLDER}/listener`];
    const startup = lines.some((line) => line.startsWith('startup=')) ? [] : ['startup=shutdown'];
    await this.lab.exec({
      argv: ['tee', `${FOLDER}/vm.conf`],
      stdin: `${[...common, ...startup, ...lines].join('\n')}\n`,
    });
  }

  /** Starts a monitor with that file. */
  async startMonitor(): Promise<void> {
    await this.sh(START);
  }

  async killMonitor(): Promise<void> {
    await this.sh(KILL);
  }

  /** Has a task begin, and kills the monitor when its record has this text. */
  async killWhenNoted(method: string, params: object, text: string): Promise<void> {
    await this.sh(KILL_WHEN_NOTED, requestLine(method, params), text);
  }

  /** Runs a test; should it fail, its error says what the host has seen. */
  async explain(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (cause) {
      throw new Error(`The test failed. Its host has seen:\n${await this.sh(SEEN)}`, { cause });
    }
  }

  /** Leaves neither guest nor monitor, whatever a test has come to. */
  async endAll(): Promise<void> {
    const hasMonitor = (await this.sh(IS_SERVED)) === 'yes';
    const hasGuest = (await this.sh('xl list | awk \'$1 == "guest"\'')) !== '';
    if (!hasMonitor && hasGuest) await this.startMonitor();
    if (!hasMonitor && !hasGuest) return;
    await this.ask('destroy');
    await this.quit();
  }

  /** Ends the monitor and waits for its end. */
  async quit(): Promise<void> {
    const pid = await this.sh(`cat ${FOLDER}/pid`);
    await this.json('quit');
    await this.sh('tail --pid "$1" -f /dev/null', pid);
  }

  /** A task over JSON-RPC, in the persistent framing. */
  async ask(method: string, params: object = {}): Promise<Answer> {
    const text = await this.sh(
      `printf '%s\\n' "$1" | socat -t 170 - "UNIX-CONNECT:${SOCKETS}/vm-${UUID}"`,
      requestLine(method, params),
    );
    return JSON.parse(text) as Answer;
  }

  /** The result of one that must succeed. */
  async json(method: string, params: object = {}): Promise<unknown> {
    const answer = await this.ask(method, params);
    if (answer.error !== undefined) {
      throw new Error(`The task ${method} failed: ${JSON.stringify(answer.error)}`);
    }
    return answer.result;
  }

  /** A task over D-Bus, as busctl prints the answer. */
  async dbus(member: string, args: Readonly<Record<string, string>> = {}): Promise<string> {
    const words = Object.entries(args).flat();
    return this.sh(
      'busctl --timeout=170 call "$@"',
      ...[BUS_NAME, OBJECT_PATH, BUS_NAME, member, 'a{ss}', String(words.length / 2), ...words],
    );
  }

  /** A task by `xenvm-cmd`, over D-Bus unless words before the uuid say otherwise. */
  async command(words: readonly string[], ...options: readonly string[]): Promise<string> {
    return this.sh('xenvm-cmd "$@"', ...options, UUID, ...words);
  }

  async domid(): Promise<number> {
    return Number(await this.json('get-domid'));
  }

  /** What the guest answers, once it is up. */
  async guest(request: string): Promise<string> {
    return this.sh('"$@"', ...askTestguest(await this.domid(), request));
  }

  /** Has the guest do something that it does not live to answer. */
  async guestLast(request: string): Promise<void> {
    await this.guest('ping');
    const node = `/local/domain/${await this.domid()}/data/testguest/request`;
    await this.sh('xenstore-write "$1" "$2"', node, request);
  }

  /** Waits until a line of a file, from this number on, matches; it may be written yet. */
  async waitForLine(file: string, from: number, pattern: string): Promise<void> {
    await this.sh(WAIT_FOR_LINE, file, String(from), pattern);
  }

  /** Waits until the listener has heard a line that matches, after those that were waited for. */
  async hears(pattern: string): Promise<void> {
    const from = this.#toldCount + 1;
    await this.waitForLine(`${FOLDER}/told`, from, pattern);
    const found = await this.sh(
      'tail -n "+$2" "$1" | grep -n -m 1 -E "$3" | cut -d: -f1',
      ...[`${FOLDER}/told`, String(from), pattern],
    );
    this.#toldCount += Number(found);
  }

  /** Forgets what was heard so far. */
  async hearNothing(): Promise<void> {
    this.#toldCount = Number(await this.sh(`wc -l < ${FOLDER}/told`));
  }

  fingerprint(): Promise<string> {
    return this.sh(FINGERPRINT);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

function requestLine(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
}
