/** The whole stack on one machine, each part a process of its own: a private bus, an embedded host, the manager, its monitor. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { TaskSocket } from './task-socket.ts';

const PACKAGES = path.resolve(import.meta.dirname, '../../../packages');
const SIMULATOR = path.join(PACKAGES, 'xenops-sim/bin/xensimd.js');
const MONITOR = path.join(PACKAGES, 'xenvm/bin/xenvm.js');
const MANAGER = path.join(PACKAGES, 'xenmgr/bin/xenmgr.js');
/** By name: the benchmarks do not depend on it. */
const RUNTIME = '@xenops/rpcgen/runtime';
const TIMEOUT_MS = 120_000;

/** As much of a connection to a bus as is used here. */
interface ClientBus {
  call(target: object, values: readonly unknown[]): Promise<readonly unknown[]>;
  subscribe(
    rule: object,
    listener: (signal: { readonly args: readonly unknown[] }) => void,
  ): Promise<unknown>;
  watchName(
    name: string,
    listener: (owner: string | undefined) => void,
  ): Promise<{ close(): void }>;
  close(): Promise<void>;
}

interface Runtime {
  readonly connectBus: (options: object) => Promise<ClientBus>;
}

/** The bus name of the manager. */
export const XENMGR = 'com.citrix.xenclient.xenmgr';

/** A tree of settings, as it stands in a file of the old database. */
export interface Settings {
  readonly [key: string]: string | readonly string[] | Settings;
}

/** One method of the manager or of its database. */
export interface Method {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly input?: string;
  readonly output?: string;
}

/** The uuid of the VM with this number. */
export function benchUuid(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

/** The path of its object. */
export function benchPath(index: number): string {
  return `/vm/${benchUuid(index).replaceAll('-', '_')}`;
}

export class ManagerHost implements AsyncDisposable {
  readonly #folder: string;
  readonly #running: ChildProcess[] = [];
  #bus: ClientBus | undefined;
  #manager: ChildProcess | undefined;
  #hasMonitor = false;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts bus and embedded host. Needs the build and dbus-daemon. */
  static async open(): Promise<ManagerHost> {
    const host = new ManagerHost(await mkdtemp(path.join(tmpdir(), 'xenops-bench-xenmgr-')));
    try {
      await host.#open();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A client of the manager. */
  get bus(): ClientBus {
    if (this.#bus === undefined) throw new Error('There is no bus');
    return this.#bus;
  }

  /** Where the manager has its files, on the file system of its database. */
  get folder(): string {
    return this.#folder;
  }

  /** The kernel of a guest that does nothing. */
  get kernel(): string {
    return path.join(this.#folder, 'sim/guests/linux');
  }

  /** Writes VMs as files of the old database, to be taken over at the next start. */
  async writeVms(vms: ReadonlyMap<string, Settings>): Promise<string> {
    const folder = path.join(this.#folder, 'import');
    await rm(folder, { recursive: true, force: true });
    await mkdir(path.join(folder, 'vms'), { recursive: true });
    await writeFile(path.join(folder, 'db'), '{"db-version": "42"}');
    for (const [uuid, settings] of vms) {
      await writeFile(
        path.join(folder, 'vms', `${uuid}.db`),
        JSON.stringify({ uuid, ...settings }),
      );
    }
    return folder;
  }

  /** Starts the manager and gives the milliseconds from its first instruction until its name is on the bus. */
  async startManager(words: readonly string[] = []): Promise<number> {
    const own = ['--no-daemonize', '--root', path.join(this.#folder, 'xenmgr'), '--xenvm', MONITOR];
    await this.#startMonitor();
    const beganMs = performance.now();
    const manager = this.#spawn([process.execPath, MANAGER, ...own, ...words], {
      DBUS_SYSTEM_BUS_ADDRESS: this.#address,
      XENOPS_CONNECT: this.#uri,
      XENVM_SOCKET_DIR: this.#sockets,
    });
    this.#manager = manager;
    await this.#isServed(manager);
    return performance.now() - beganMs;
  }

  /** Ends the manager; VMs and monitor go on. */
  async stopManager(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const manager = this.#manager;
    if (manager === undefined) return;
    const ended = once(manager, 'exit');
    manager.kill(signal);
    await ended;
    this.#manager = undefined;
  }

  /** Memory that the manager alone has, in MiB (proc_pid_smaps_rollup), and all that it has in memory. */
  async memoryMib(): Promise<{ readonly private: number; readonly resident: number }> {
    const text = await readFile(`/proc/${String(this.#manager?.pid)}/smaps_rollup`, 'utf8');
    const sum = (pattern: RegExp): number =>
      [...text.matchAll(pattern)].reduce((total, [, kib]) => total + Number(kib), 0) / 1024;
    return {
      private: sum(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm),
      resident: sum(/^Rss: +(\d+) kB$/gm),
    };
  }

  /** A call to the manager or its database. */
  async call(method: Method, ...values: readonly unknown[]): Promise<readonly unknown[]> {
    const destination = method.interface.startsWith('com.citrix.xenclient.db')
      ? 'com.citrix.xenclient.db'
      : XENMGR;
    return this.bus.call({ destination, input: '', output: '', ...method }, values);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopManager('SIGKILL');
    await this.#bus?.close();
    for (const one of this.#running.reverse()) {
      if (one.exitCode !== null || one.signalCode !== null) continue;
      one.kill('SIGKILL');
      await once(one, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #address(): string {
    return `unix:path=${path.join(this.#folder, 'bus')}`;
  }

  get #sockets(): string {
    return path.join(this.#folder, 'sockets');
  }

  async #open(): Promise<void> {
    const config = path.join(this.#folder, 'bus.conf');
    await writeFile(config, configuration(this.#address));
    const options = ['--nofork', '--nopidfile', '--nosyslog', '--print-address'];
    await this.#startUntilLine(['dbus-daemon', `--config-file=${config}`, ...options]);
    const sim = path.join(this.#folder, 'sim');
    await this.#startUntilLine([process.execPath, SIMULATOR, '--dir', sim, '--memory', '64G']);
    const { connectBus } = (await import(RUNTIME)) as Runtime;
    this.#bus = await connectBus({ address: this.#address, timeoutMs: TIMEOUT_MS });
  }

  get #uri(): string {
    return `sim:${path.join(this.#folder, 'sim')}`;
  }

  /** As the init system does it on a host: before the manager, once. */
  async #startMonitor(): Promise<void> {
    if (this.#hasMonitor) return;
    this.#hasMonitor = true;
    this.#spawn(
      [
        ...[process.execPath, MONITOR, 'serve', '--monitor-dbus', 'false', '--log-level', 'error'],
        ...['--connect', this.#uri, '--socket-dir', this.#sockets],
      ],
      {},
    );
    const socket = await TaskSocket.waitFor(path.join(this.#sockets, 'control'), TIMEOUT_MS);
    socket[Symbol.dispose]();
  }

  async #isServed(manager: ChildProcess): Promise<void> {
    let onServed: () => void = () => undefined;
    const served = new Promise<void>((resolve, reject) => {
      onServed = resolve;
      manager.once('exit', () => reject(new Error('The manager ended at its start')));
    });
    const watching = await this.bus.watchName(XENMGR, (owner) => {
      if (owner !== undefined) onServed();
    });
    await served.finally(() => watching.close());
  }

  async #startUntilLine(words: readonly string[]): Promise<void> {
    const child = this.#spawn(words, {});
    await once(createInterface({ input: child.stdout }), 'line');
  }

  #spawn(
    [program = '', ...words]: readonly string[],
    env: Readonly<Record<string, string>>,
  ): ChildProcess & { readonly stdout: NonNullable<ChildProcess['stdout']> } {
    const stderr = words.includes(MANAGER) || program === 'dbus-daemon' ? 'ignore' : 'inherit';
    const child = spawn(program, words, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', stderr],
    });
    this.#running.push(child);
    return child;
  }
}

function configuration(address: string): string {
  return `<busconfig>
  <type>session</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;
}
