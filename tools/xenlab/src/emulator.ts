// The QEMU process of a lab, or of a snapshot that is being made.
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { LabError } from './errors.ts';
import { findProcess, lastLines, spawnServant } from './process.ts';
import type { ProcessIdentity } from './process.ts';
import { findForwardedPort, qemuCommand } from './qemu-command.ts';
import type { QemuCommandOptions } from './qemu-command.ts';
import { QmpClient } from './qmp.ts';
import { quoteWord } from './quote.ts';

/** Each control command answers at once; loading a state reads less than a megabyte. */
const CONTROL_TIMEOUT_MS = 30_000;

export interface EmulatorOptions extends Omit<QemuCommandOptions, 'qmpSocket' | 'serialFile'> {
  readonly imageFolder: string;
  /** For the serial log, the emulator's messages, its socket and its throw-away disk. */
  readonly folder: string;
  readonly owned: boolean;
}

export class Emulator {
  readonly identity: ProcessIdentity;
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
  readonly #kill: () => void;
  readonly #release: () => void;
  readonly #qmp: QmpClient;

  /** Starts the process: a machine that boots, or one that waits for `restore`. */
  constructor({ imageFolder, folder, owned, ...options }: EmulatorOptions) {
    const messages = path.join(folder, 'qemu.log');
    const serialFile = path.join(folder, SERIAL_LOG);
    writeFileSync(serialFile, '', { mode: 0o600 });
    const log = openSync(messages, 'w', 0o600);
    const command = qemuCommand({
      ...options,
      serialFile,
      qmpSocket: path.join(folder, 'qmp.sock'),
    });
    const child = spawnServant(command, {
      owned,
      cwd: imageFolder,
      env: { ...process.env, TMPDIR: folder },
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    const { pid, stdin, stdout } = child;
    const identity = pid === undefined ? undefined : findProcess(pid);
    if (identity === undefined || stdin === null || stdout === null) {
      throw new LabError('LAB_HOST_UNSUITABLE', { message: 'Cannot start qemu-system-x86_64' });
    }
    this.identity = identity;
    this.ended = once(child, 'exit');
    this.#kill = () => child.kill('SIGKILL');
    this.#qmp = new QmpClient(stdout, stdin, () => lastLines(readFileSync(messages, 'utf8')));
    this.#release = () => {
      child.unref();
      stdin.destroy();
      stdout.destroy();
    };
  }

  /** Opens the control channel; `events` makes migrations tell their end. */
  async connect(): Promise<void> {
    await this.#execute('qmp_capabilities', {});
    const capabilities = ['x-ignore-shared', 'events'];
    await this.#execute('migrate-set-capabilities', {
      capabilities: capabilities.map((capability) => ({ capability, state: true })),
    });
  }

  /** Stops the machine and writes all but its RAM, which is in the RAM file, to `stateFile`; then ends. */
  async save(stateFile: string): Promise<void> {
    await this.#execute('stop', {});
    await this.#migrate('migrate', `exec:cat > ${quoteWord(stateFile)}`);
    await this.#execute('quit', {});
    await this.ended;
  }

  /** Loads what `save` wrote and lets the machine run on. */
  async restore(stateFile: string): Promise<void> {
    await this.#migrate('migrate-incoming', `exec:cat ${quoteWord(stateFile)}`);
    await this.#execute('cont', {});
  }

  /** The port on 127.0.0.1 that leads to Dom0's sshd. */
  async readSshPort(): Promise<number> {
    const answer = await this.#execute('human-monitor-command', { 'command-line': 'info usernet' });
    const port = findForwardedPort(String(answer));
    if (port !== undefined) return port;
    throw new LabError('LAB_LOST', { message: `The emulator forwards no port: ${String(answer)}` });
  }

  async kill(): Promise<void> {
    this.#kill();
    await this.ended;
  }

  /** Lets this process end while the emulator goes on. */
  release(): void {
    this.#release();
  }

  async #migrate(command: string, uri: string): Promise<void> {
    const end = this.#qmp.waitEvent('MIGRATION', (data) => migrationEnds.has(statusOf(data)), {
      timeoutMs: CONTROL_TIMEOUT_MS,
    });
    const [data] = await Promise.all([end, this.#execute(command, { uri })]);
    if (statusOf(data) === 'completed') return;
    throw new LabError('LAB_LOST', { message: `The emulator failed to ${command} ${uri}` });
  }

  #execute(command: string, args: object): Promise<unknown> {
    return this.#qmp.execute(command, args, { timeoutMs: CONTROL_TIMEOUT_MS });
  }
}

/** Of the states in QEMU's `MigrationStatus`, those after which nothing comes. */
const migrationEnds = new Set(['completed', 'failed', 'cancelled']);

function statusOf(data: unknown): string {
  const isObject = typeof data === 'object' && data !== null;
  return isObject && 'status' in data ? String(data.status) : '';
}

/** In a lab's folder: what Xen and Dom0 wrote to the serial line. */
export const SERIAL_LOG = 'serial.log';
