/** The programs that the D-Bus benchmark sets side by side, all with the same command line, and the bus they meet on. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Who is measured: our run-time, C on sd-bus, and dbus-next as it comes. */
export type Side = 'ours' | 'sd-bus' | 'dbus-next';

const PEERS = path.resolve(import.meta.dirname, '../peers');

/** What a client measured. */
export interface Measured {
  readonly perSecond: number;
  /** Processor time of the measured process for one call or signal. */
  readonly cpuMicroseconds: number;
}

/** A service that runs until the arena is left. */
export interface Service {
  readonly name: string;
  /** Processor time that it has used so far. */
  cpuMicroseconds(): Promise<number>;
}

/** A private bus with its programs. */
export class Arena implements AsyncDisposable {
  readonly #folder: string;
  readonly #address: string;
  readonly #running: ChildProcess[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.#address = `unix:path=${path.join(folder, 'socket')}`;
  }

  /** Starts a bus daemon and compiles the C peer. Needs dbus-daemon, gcc and libsystemd-dev. */
  static async open(): Promise<Arena> {
    const arena = new Arena(await mkdtemp(path.join(tmpdir(), 'xenops-bench-dbus-')));
    try {
      await arena.#start();
      return arena;
    } catch (error) {
      await arena[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a service and waits until it has its name. */
  async serve(side: Side): Promise<Service> {
    const name = `org.example.Bench.${side.replace('-', '_')}`;
    const { pid = 0 } = await this.#startUntil(this.#command(side, ['service', name]), 'ready');
    return { name, cpuMicroseconds: () => cpuMicroseconds(pid) };
  }

  /** Runs a client to its end. */
  async measure(side: Side, args: readonly string[]): Promise<Measured> {
    const output = await this.#run(this.#command(side, args));
    const [perSecond, cpu] = output.trim().split(' ').map(Number);
    if (perSecond === undefined || cpu === undefined) throw new Error(`No measurement: ${output}`);
    return { perSecond, cpuMicroseconds: cpu };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#running.reverse()) {
      if (one.exitCode !== null || one.signalCode !== null) continue;
      one.kill('SIGKILL');
      await once(one, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const config = path.join(this.#folder, 'bus.conf');
    await writeFile(config, configuration(this.#address));
    const source = path.join(PEERS, 'dbus-sdbus.c');
    await this.#run(['gcc', '-O2', '-D_GNU_SOURCE', source, '-o', this.#binary, '-lsystemd']);
    const options = ['--nofork', '--nopidfile', '--nosyslog', '--print-address'];
    await this.#startUntil(['dbus-daemon', `--config-file=${config}`, ...options], 'unix:');
  }

  get #binary(): string {
    return path.join(this.#folder, 'dbus-sdbus');
  }

  #command(side: Side, args: readonly string[]): readonly string[] {
    if (side === 'sd-bus') return [this.#binary, ...args];
    const script = side === 'ours' ? 'dbus-ours.mjs' : 'dbus-plain.mjs';
    return [process.execPath, path.join(PEERS, script), ...args];
  }

  #spawn([program = '', ...args]: readonly string[]): ChildProcess & {
    readonly stdout: NonNullable<ChildProcess['stdout']>;
  } {
    // The daemon warns of limits that only a bus with thousands of clients needs.
    const stderr = program === 'dbus-daemon' ? 'ignore' : 'inherit';
    const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: this.#address };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', stderr] });
    this.#running.push(child);
    return child;
  }

  async #startUntil(command: readonly string[], sign: string): Promise<ChildProcess> {
    const child = this.#spawn(command);
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith(sign)) return child;
    }
    throw new Error(`${command.join(' ')} ended before it was ready`);
  }

  async #run(command: readonly string[]): Promise<string> {
    const child = this.#spawn(command);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, 'close')) as unknown[];
    if (status !== 0) throw new Error(`${command.join(' ')} failed with ${String(status)}`);
    return output;
  }
}

/** Time on a processor of all threads: the first number of schedstat, in nanoseconds (kernel, sched-stats.rst). */
async function cpuMicroseconds(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const task of await readdir(tasks)) {
    const stat = await readFile(path.join(tasks, task, 'schedstat'), 'utf8');
    nanoseconds += Number(stat.split(' ')[0]);
  }
  return nanoseconds / 1000;
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
