/**
 * The whole manager in this process, as it runs on a host: a bus of its own, a real database, an embedded hypervisor and
 * the monitor as processes, and a machine made of files. Programs of others are played. Needs the build.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '@xenops/core/connect';
import { createLogger } from '@xenops/core/daemon';
import { systemClock, type Host } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { connectBus, variant, type Bus, type Variant } from '@xenops/rpcgen/runtime';
import { OBJECT_KINDS } from '../client/shipped-interfaces.ts';
import type { AccessRule } from '../db/access.ts';
import { openDatabase, type Database } from '../db/database.ts';
import { placesBelow, type Places } from '../manager/places.ts';
import { errorReply } from '../objects/error-reply.ts';
import {
  MANAGER_BUS_NAME,
  startManager,
  type ManagerOptions,
  type RunningManager,
} from '../service/start-manager.ts';
import { BUILT_IN_FOLDER } from '../templates/templates.ts';
import { makeMachine } from './machine.test-helper.ts';
import { PlayedPrograms } from './played-programs.test-helper.ts';
import { startPrivateBus, type PrivateBus } from './private-bus.test-helper.ts';

const PACKAGES = fileURLToPath(new URL('../../..', import.meta.url));
const MONITOR = path.join(PACKAGES, 'xenvm', 'bin', 'xenvm.js');
const SIMULATOR = path.join(PACKAGES, 'xenops-sim', 'bin', 'xensimd.js');
const WAIT_TIMEOUT_MS = 30_000;
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const DESCRIPTIONS = new Map(
  OBJECT_KINDS.flatMap(({ interfaces }) => interfaces.map((one) => [one.name, one] as const)),
);

/** Whether the programs are there. */
export const IS_BUILT: boolean = ['xenvm', 'xenops-sim'].every((name) =>
  existsSync(path.join(PACKAGES, name, 'dist', 'bin')),
);

/** A member of an object. */
export interface Call {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** A signal as it was heard. */
export interface Heard extends Call {
  readonly args: readonly unknown[];
}

export class ManagerBench implements AsyncDisposable {
  readonly folder: string;
  readonly places: Places;
  readonly host: Host;
  /** A client of the manager, a connection of its own. */
  readonly client: Bus;
  readonly programs: PlayedPrograms = new PlayedPrograms();
  readonly log: string[] = [];
  /** Signals of the manager since the start of the bench. */
  readonly heard: Heard[] = [];
  accessRule: AccessRule = async () => true;
  readonly #bus: PrivateBus;
  readonly #simulator: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #running: { manager: RunningManager; database: Database; bus: Bus } | undefined;

  private constructor(
    folder: string,
    parts: { bus: PrivateBus; client: Bus; simulator: ChildProcess; host: Host },
  ) {
    this.folder = folder;
    this.places = {
      ...placesBelow(path.join(folder, 'host'), BUILT_IN_FOLDER),
      proc: path.join(folder, 'machine', 'proc'),
      sys: path.join(folder, 'machine', 'sys'),
    };
    this.#bus = parts.bus;
    this.client = parts.client;
    this.#simulator = parts.simulator;
    this.host = parts.host;
  }

  /** The surroundings, and a manager in them. */
  static async open(options: Partial<ManagerOptions> = {}): Promise<ManagerBench> {
    const folder = await mkdtemp(path.join(tmpdir(), 'xenmgr-bench-'));
    const sim = path.join(folder, 'sim');
    const simulator = spawn(process.execPath, [SIMULATOR, '--dir', sim], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(createInterface({ input: simulator.stdout }), 'line');
    await mkdir(path.join(sim, 'run'), { recursive: true, mode: 0o700 });
    const bus = await startPrivateBus();
    const client = await connectBus({ address: bus.address, timeoutMs: WAIT_TIMEOUT_MS });
    const host = await connect({ uri: `sim:${sim}` });
    const bench = new ManagerBench(folder, { bus, client, simulator, host });
    await makeMachine(bench.places);
    await client.subscribe({ sender: MANAGER_BUS_NAME }, (signal) => bench.#hear(signal));
    await bench.start(options);
    return bench;
  }

  get manager(): RunningManager['manager'] {
    if (this.#running === undefined) throw new Error('The manager of the bench does not run');
    return this.#running.manager.manager;
  }

  /** For connections of one's own. */
  get busAddress(): string {
    return this.#bus.address;
  }

  get database(): Database {
    return this.manager.database;
  }

  /** A guest kernel that does as its command line says. */
  get kernel(): string {
    return path.join(this.folder, 'sim', 'guests', 'linux');
  }

  async start(options: Partial<ManagerOptions> = {}): Promise<void> {
    const { host, places, programs } = this;
    await mkdir(places.run, { recursive: true, mode: 0o700 });
    const database = await openDatabase(places.database);
    const write = (line: string): void => void this.log.push(line.trimEnd());
    const bus = await connectBus({
      address: this.#bus.address,
      timeoutMs: WAIT_TIMEOUT_MS,
      mapError: errorReply,
      onUnexpected: (error) => write(`fault: ${String(error)}`),
    });
    const manager = await startManager({
      ...{ host, bus, database, places },
      log: createLogger({ level: 'debug', hasPriority: false, write }, 'test'),
      accessRule: (uid) => this.accessRule(uid),
      monitorCommand: [
        ...[process.execPath, MONITOR, 'serve', '--monitor-dbus', 'false'],
        ...['--pid-file', this.#monitorPidFile],
      ],
      monitorEnv: { XENOPS_CONNECT: host.uri },
      monitorSocketFolder: path.join(this.folder, 'sockets'),
      run: programs.run,
      powerCommands: {},
      hasServiceVms: false,
      hasAutostart: false,
      ...options,
    });
    this.#running = { manager, database, bus };
  }

  /** Ends the manager; VMs and their monitor run on. */
  async stop(): Promise<void> {
    const { manager, database, bus } = this.#running ?? {};
    this.#running = undefined;
    await manager?.[Symbol.asyncDispose]();
    await bus?.close();
    await database?.close();
  }

  /** Calls a method with the signature of the IDL; gives nothing, its one value, or all of them. */
  async call(call: Call, args: readonly unknown[] = []): Promise<unknown> {
    const method = DESCRIPTIONS.get(call.interface)?.methods[call.member];
    if (method === undefined) throw new Error(`No method ${call.interface}.${call.member}`);
    const values = await this.client.call(
      { destination: MANAGER_BUS_NAME, ...call, ...method },
      args,
      { timeoutMs: WAIT_TIMEOUT_MS },
    );
    return values.length > 1 ? values : values[0];
  }

  async get(path: string, owner: string, name: string): Promise<unknown> {
    const [value] = await this.#properties(path, 'Get', 'ss', 'v', [owner, name]);
    return valueOf(value);
  }

  async getAll(path: string, owner: string): Promise<Readonly<Record<string, unknown>>> {
    const [values] = await this.#properties(path, 'GetAll', 's', 'a{sv}', [owner]);
    if (!(values instanceof Map)) throw new Error('GetAll gives a dictionary');
    return Object.fromEntries([...values].map(([name, value]) => [String(name), valueOf(value)]));
  }

  async set(path: string, owner: string, name: string, value: unknown): Promise<void> {
    const type = DESCRIPTIONS.get(owner)?.properties[name]?.type ?? 's';
    await this.setVariant(path, owner, name, type, value);
  }

  /** Sets a property to a value of another type than its own. */
  async setVariant(
    path: string,
    owner: string,
    name: string,
    type: string,
    value: unknown,
  ): Promise<void> {
    await this.#properties(path, 'Set', 'ssv', '', [owner, name, variant(type, value)]);
  }

  async introspect(path: string): Promise<string> {
    const owner = 'org.freedesktop.DBus.Introspectable';
    const call = { path, interface: owner, member: 'Introspect', input: '', output: 's' };
    const [text] = await this.client.call({ destination: MANAGER_BUS_NAME, ...call }, []);
    return String(text);
  }

  /** Puts nodes into the database, below `/vm/UUID`. */
  async addVm(uuid: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const usual = {
      ...{ name: `vm-${uuid.slice(-2)}`, uuid, type: 'svm', 'config/virt-type': 'pvh' },
      ...{ 'config/memory': '16', 'config/kernel': this.kernel },
    };
    await this.database.transact((draft) => {
      for (const [key, value] of Object.entries({ ...usual, ...settings })) {
        draft.write(`/vm/${uuid}/${key}`, value);
      }
    });
  }

  /** Resolves once the condition holds; it is looked at whenever a signal is heard. */
  async until(isTrue: () => boolean): Promise<void> {
    const what = 'what the test waits for';
    await withDeadline(
      { what },
      { timeoutMs: WAIT_TIMEOUT_MS, clock: systemClock },
      (signal) =>
        new Promise<void>((resolve) => {
          const look = (): void => {
            if (!isTrue() && !signal.aborted) return;
            this.#waiting.delete(look);
            resolve();
          };
          this.#waiting.add(look);
          signal.addEventListener('abort', look);
          look();
        }),
    );
  }

  /** Waits until everything that was sent before has been heard. */
  async settle(): Promise<void> {
    await this.call({ path: '/', interface: 'com.citrix.xenclient.xenmgr', member: 'list_vms' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.client.close();
    const pid = Number(await readFile(this.#monitorPidFile, 'utf8').catch(() => '0'));
    if (pid > 0) process.kill(pid, 'SIGKILL');
    await this.host[Symbol.asyncDispose]();
    if (this.#simulator.kill()) await once(this.#simulator, 'exit');
    await this.#bus[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #properties(
    path: string,
    member: string,
    input: string,
    output: string,
    args: readonly unknown[],
  ): Promise<readonly unknown[]> {
    const target = { destination: MANAGER_BUS_NAME, path, interface: PROPERTIES, member };
    return this.client.call({ ...target, input, output }, args, { timeoutMs: WAIT_TIMEOUT_MS });
  }

  #hear({ path, interface: owner, member, args }: Heard): void {
    this.heard.push({ path, interface: owner, member, args });
    for (const look of [...this.#waiting]) look();
  }

  get #monitorPidFile(): string {
    return path.join(this.folder, 'monitor.pid');
  }
}

function valueOf(found: unknown): unknown {
  return typeof found === 'object' && found !== null && 'signature' in found && 'value' in found
    ? (found as Variant).value
    : found;
}
