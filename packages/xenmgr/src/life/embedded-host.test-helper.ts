/** A whole host as processes: an embedded hypervisor, and one monitor for all VMs on it. Needs the build. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { connect } from '@xenops/core/connect';
import { systemClock, type Host } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { openDatabaseOn, type Database } from '../db/database.ts';
import { MemoryDisk } from '../db/memory-store.test-helper.ts';
import type { Peers } from '../peers/peers.ts';
import type { Monitors } from '../monitor/monitors.ts';
import type { LifeOptions } from './context.ts';
import type { LifeService } from './create-life.ts';
import type { LifePart } from './life.ts';
import { openManagerOn, PACKAGES } from './manager-on.test-helper.ts';

const SIMULATOR = path.join(PACKAGES, 'xenops-sim', 'bin', 'xensimd.js');

const WAIT_TIMEOUT_MS = 60_000;

/** Whether the programs are there. */
export const IS_BUILT: boolean = ['xenvm', 'xenops-sim'].every((name) =>
  existsSync(path.join(PACKAGES, name, 'dist', 'bin')),
);

/** A manager as far as the life of VMs goes. */
export interface RunningManager extends AsyncDisposable {
  readonly life: LifeService;
  readonly monitors: Monitors;
  /** Ends as a process that is killed does: without a word to anybody. */
  abandon(): Promise<void>;
}

export class EmbeddedHost implements AsyncDisposable {
  readonly folder: string;
  readonly host: Host;
  readonly database: Database;
  readonly log: string[] = [];
  /** Changes of state, as `UUID STATE ACPI`. */
  readonly told: string[] = [];
  readonly #simulator: ChildProcess;
  readonly #listeners = new Set<() => void>();
  /** Managers that ended without a word: what they would still do is called off with the host. */
  readonly #abandoned: LifeService[] = [];

  private constructor(folder: string, simulator: ChildProcess, host: Host, database: Database) {
    this.folder = folder;
    this.#simulator = simulator;
    this.host = host;
    this.database = database;
  }

  static async open(words: readonly string[] = []): Promise<EmbeddedHost> {
    const folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-'));
    const sim = path.join(folder, 'sim');
    const simulator = spawn(process.execPath, [SIMULATOR, '--dir', sim, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(createInterface({ input: simulator.stdout }), 'line');
    const host = await connect({ uri: `sim:${sim}` });
    await mkdir(path.join(folder, 'sockets'), { mode: 0o700 });
    await mkdir(path.join(sim, 'run'), { recursive: true, mode: 0o700 });
    const database = await openDatabaseOn(new MemoryDisk().open);
    return new EmbeddedHost(folder, simulator, host, database);
  }

  /** The kernel of guests that do as their command line says. */
  get kernel(): string {
    return path.join(this.folder, 'sim', 'guests', 'linux');
  }

  /** A manager at its start; nothing is adopted yet. */
  manager(
    parts: readonly LifePart[] = [],
    options: Partial<LifeOptions> = {},
    peers: Partial<Peers> = {},
  ): RunningManager {
    const { folder, host, database, log } = this;
    const tell = (line: string): void => {
      this.told.push(line);
      this.#wake();
    };
    const around = { folder, host, database, log, tell };
    const { life, monitors } = openManagerOn(around, parts, options, peers);
    monitors.onEvent(() => this.#wake());
    return {
      life,
      monitors,
      abandon: async () => {
        this.#abandoned.push(life);
        await monitors[Symbol.asyncDispose]();
      },
      async [Symbol.asyncDispose]() {
        await life[Symbol.asyncDispose]();
        await monitors[Symbol.asyncDispose]();
      },
    };
  }

  /** Resolves once the condition holds; it is looked at whenever something happens to a VM. */
  async until(isTrue: () => boolean): Promise<void> {
    const what = 'what the test waits for';
    const options = { timeoutMs: WAIT_TIMEOUT_MS, clock: systemClock };
    await withDeadline({ what, lastState: () => this.told.join(', ') }, options, (signal) => {
      return new Promise<void>((resolve) => {
        const look = (): void => {
          if (!isTrue() && !signal.aborted) return;
          this.#listeners.delete(look);
          resolve();
        };
        this.#listeners.add(look);
        signal.addEventListener('abort', look);
        look();
      });
    });
  }

  /** Puts a VM into the database; `settings` are nodes below that of the VM. */
  async addVm(uuid: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const base = { name: `vm-${uuid.slice(-2)}`, uuid: uuid, type: 'svm' };
    const config = {
      'config/virt-type': 'pvh',
      'config/memory': '16',
      'config/kernel': this.kernel,
    };
    await this.database.transact((draft) => {
      for (const [key, value] of Object.entries({ ...base, ...config, ...settings })) {
        draft.write(`/vm/${uuid}/${key}`, value);
      }
    });
  }

  /** The monitor, to be killed. */
  async monitorPid(): Promise<number> {
    return Number(await readFile(path.join(this.folder, 'monitor.pid'), 'utf8'));
  }

  /** Kills a process and waits until it is gone. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await promisify(execFile)('tail', ['--pid', String(pid), '-f', '/dev/null']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const life of this.#abandoned) await life[Symbol.asyncDispose]();
    const pid = await this.monitorPid().catch(() => undefined);
    if (pid !== undefined) await this.kill(pid).catch(() => undefined);
    await this.host[Symbol.asyncDispose]();
    if (this.#simulator.kill()) await once(this.#simulator, 'exit');
    await rm(this.folder, { recursive: true, force: true });
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
