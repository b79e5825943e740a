/** An embedded host and a monitor of many VMs on it, each a process of its own, with the means to look at the monitor. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from '@xenops/core/connect';
import type { Host } from '@xenops/core/host';
import type { Watch } from '@xenops/core/xenstore';
import { RELEASE_DOMAIN } from '@xenops/core/xenstore/path';
import { TaskSocket } from './task-socket.ts';

const PACKAGES = path.resolve(import.meta.dirname, '../../../packages');
const SIMULATOR = path.join(PACKAGES, 'xenops-sim/bin/xensimd.js');
const LOAD = path.resolve(import.meta.dirname, '../peers/xenvm-load.mjs');
const MONITOR = path.join(PACKAGES, 'xenvm/bin/xenvm.js');
/** By name: the benchmarks do not depend on it. */
const SIM = '@xenops/sim';
const MONITOR_TIMEOUT_MS = 60_000;

/** A VM that the monitor serves. */
export interface BenchVm {
  readonly uuid: string;
  readonly socket: TaskSocket;
}

export class MonitorArena implements AsyncDisposable {
  readonly #folder: string;
  readonly #running: ChildProcess[] = [];
  readonly #vms: BenchVm[] = [];
  readonly #listener: Server;
  #ends: ((atMs: number) => void)[] = [];
  #monitorPid = 0;
  #host: Host | undefined;
  #control: TaskSocket | undefined;
  /** Who waits for a crash, by uuid. */
  readonly #listening = new Map<string, (atMs: number) => void>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#listener = createServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        const atMs = performance.now();
        for (const line of chunk.toString().trimEnd().split('\n')) {
          const [uuid = '', , ...words] = line.split(':');
          if (words.join(':') === 'error:crashed') this.#listening.get(uuid)?.(atMs);
        }
      });
      socket.on('end', () => socket.end());
    });
  }

  /** Starts both. Needs the build. */
  static async open(): Promise<MonitorArena> {
    const arena = new MonitorArena(await mkdtemp(path.join(tmpdir(), 'xenops-bench-xenvm-')));
    try {
      await arena.#start();
      return arena;
    } catch (error) {
      await arena[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The host, as another toolstack has it. */
  get host(): Host {
    if (this.#host === undefined) throw new Error('The embedded host does not run');
    return this.#host;
  }

  get vms(): readonly BenchVm[] {
    return this.#vms;
  }

  /** Has the monitor serve more VMs, all of them stopped, until there are so many. */
  async serve(count: number): Promise<void> {
    const missing = Array.from({ length: count - this.#vms.length }, (_, index) =>
      this.#add(this.#vms.length + index),
    );
    this.#vms.push(...(await Promise.all(missing)));
  }

  /** When the listener has heard that the guest of this VM crashed, as `performance.now`. */
  readonly hearsCrash = (uuid: string): Promise<number> =>
    new Promise((resolve) => {
      this.#listening.set(uuid, resolve);
    });

  /** When xenstored has next told a client that a domain has ended, as `performance.now`. */
  readonly knowsEnd = (): Promise<number> =>
    new Promise((resolve) => {
      this.#ends.push(resolve);
    });

  /** Keeps the monitor busy with these VMs, from a process of its own, until the function is called that this gives. */
  startLoad(vms: readonly BenchVm[]): () => Promise<void> {
    const load = this.#spawn([LOAD, ...vms.map(({ uuid }) => this.socketPath(`vm-${uuid}`))]);
    return () => end(load);
  }

  /** Memory that the monitor alone has, in KiB (proc_pid_smaps_rollup, Private_Clean and Private_Dirty). */
  async privateKib(): Promise<number> {
    const text = await readFile(`/proc/${this.#monitorPid}/smaps_rollup`, 'utf8');
    return [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].reduce(
      (sum, [, kib]) => sum + Number(kib),
      0,
    );
  }

  /** Processor time of all its threads so far, in ms (kernel, sched-stats.rst: nanoseconds). */
  async cpuMs(): Promise<number> {
    const tasks = `/proc/${this.#monitorPid}/task`;
    let nanoseconds = 0;
    for (const task of await readdir(tasks)) {
      const stat = await readFile(path.join(tasks, task, 'schedstat'), 'utf8');
      nanoseconds += Number(stat.split(' ')[0]);
    }
    return nanoseconds / 1e6;
  }

  socketPath(name: string): string {
    return path.join(this.#folder, 'run', name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#vms) socket[Symbol.dispose]();
    this.#control?.[Symbol.dispose]();
    await this.#host?.[Symbol.asyncDispose]();
    this.#listener.close();
    for (const one of this.#running.reverse()) await end(one);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const sim = (await import(SIM)) as { readonly simulatedKernel: () => Buffer };
    await writeFile(path.join(this.#folder, 'kernel'), sim.simulatedKernel());
    this.#listener.listen(path.join(this.#folder, 'listener'));
    const simFolder = path.join(this.#folder, 'sim');
    const simulator = this.#spawn([SIMULATOR, '--dir', simFolder, '--memory', '64G']);
    await once(createInterface({ input: simulator.stdout }), 'line');
    this.#host = await connect({ uri: `sim:${simFolder}` });
    void this.#watchEnds(await this.#host.store.watch(RELEASE_DOMAIN));
    const monitor = this.#spawn([
      ...[MONITOR, 'serve', '--monitor-dbus', 'false', '--log-level', 'error'],
      ...['--connect', `sim:${simFolder}`, '--socket-dir', path.join(this.#folder, 'run')],
    ]);
    this.#monitorPid = monitor.pid ?? 0;
    this.#control = await TaskSocket.waitFor(this.socketPath('control'), MONITOR_TIMEOUT_MS);
  }

  /** Until the host is closed. */
  async #watchEnds(watch: Watch): Promise<void> {
    for await (const _event of watch) {
      const atMs = performance.now();
      for (const resolve of this.#ends.splice(0)) resolve(atMs);
    }
  }

  async #add(index: number): Promise<BenchVm> {
    const uuid = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
    const config = path.join(this.#folder, `${uuid}.conf`);
    const lines = [
      ...[`uuid=${uuid}`, 'type=pvh', 'memory=8', `kernel=${path.join(this.#folder, 'kernel')}`],
      ...['startup=shutdown', 'on_crash=preserve'],
      `notify=unix,${path.join(this.#folder, 'listener')}`,
    ];
    await writeFile(config, `${lines.join('\n')}\n`);
    if (this.#control === undefined) throw new Error('The monitor does not run');
    await this.#control.call('add', { config });
    return { uuid, socket: await TaskSocket.open(this.socketPath(`vm-${uuid}`)) };
  }

  #spawn(
    words: readonly string[],
  ): ChildProcess & { readonly stdout: NonNullable<ChildProcess['stdout']> } {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#running.push(child);
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
