// A running lab, and how one is started.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { GUEST_FOLDER } from './dom0-root.ts';
import { Emulator, SERIAL_LOG } from './emulator.ts';
import { LabError } from './errors.ts';
import { executeInDom0 } from './execute.ts';
import type { ExecOptions, ExecResult } from './execute.ts';
import { ensureHostTools, RUN_TOOLS } from './host-tools.ts';
import { ensureImage } from './image.ts';
import {
  createLabFolder,
  findRecord,
  labFolder,
  removeLab,
  sweepLabs,
  writeRecord,
} from './lab-record.ts';
import type { FoundRecord, LabRecord } from './lab-record.ts';
import { findProcess, isRunning } from './process.ts';
import { silentProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { parseMemoryMib } from './memory-size.ts';
import type { XenstoredName } from './qemu-command.ts';
import { pushFiles, pushWorkspaceFiles } from './push.ts';
import type { PushedWorkspace } from './push.ts';
import { getRelease } from './releases.ts';
import type { ReleaseName } from './releases.ts';
import { ensureSnapshot } from './snapshot.ts';
import { openConnection, writeSshConfig } from './ssh.ts';
import { findWorkspace } from './workspace-files.ts';

export interface LabOptions {
  /** Debian's release in Dom0; `bookworm` when left out. */
  readonly release?: ReleaseName;
  /** Memory of the emulated machine, `6G` when left out; Dom0 gets half of it and at most 2 GiB. */
  readonly mem?: string;
  /** Processors of the emulated machine, 2 when left out. */
  readonly cpus?: number;
  /** Debian's own choice, `oxenstored`, when left out. */
  readonly xenstored?: XenstoredName;
  readonly signal?: AbortSignal;
  /** Told what a start that takes long is doing. */
  readonly progress?: Progress;
}

/** Kernels and initramfs for guests; paths in Dom0. */
export interface GuestFiles {
  /** The compressed kernel, which HVM guests need. */
  readonly vmlinuz: string;
  /** The same as an ELF file: PV and PVH guests start from it in a second. */
  readonly vmlinux: string;
  /** Prints `GUEST-UP`, then gives a shell on hvc0. */
  readonly initrd: string;
}

const guestFiles: GuestFiles = {
  vmlinuz: `${GUEST_FOLDER}/vmlinuz`,
  vmlinux: `${GUEST_FOLDER}/vmlinux`,
  initrd: `${GUEST_FOLDER}/initrd.cpio.gz`,
};

/** A real Xen host. Disposing it kills it: it has nothing worth a clean shutdown. */
export class Lab implements AsyncDisposable {
  readonly name: string;
  readonly release: ReleaseName;
  /** On this machine: the lab's serial log, ssh configuration and QMP socket. */
  readonly folder: string;
  readonly guest: GuestFiles = guestFiles;
  readonly #found: FoundRecord;

  constructor(found: FoundRecord) {
    this.#found = found;
    this.name = found.record.name;
    this.release = found.record.release;
    this.folder = found.folder;
  }

  /** Runs a command in Dom0, its arguments exactly as given, and returns how it ended: any status is an answer. */
  async exec(command: readonly string[] | ExecOptions): Promise<ExecResult> {
    return executeInDom0(this.folder, 'argv' in command ? command : { argv: command });
  }

  /** Runs a script with Dom0's sh and returns its output. @throws LabError LAB_COMMAND_FAILED for a status other than 0. */
  async sh(script: string, options: Omit<ExecOptions, 'argv'> = {}): Promise<string> {
    const { status, stdout, stderr } = await this.exec({ ...options, argv: ['sh', '-ec', script] });
    if (status === 0) return stdout;
    throw new LabError('LAB_COMMAND_FAILED', {
      message: `A script in Dom0 ended with status ${String(status)}: ${stderr.trim()}`,
      context: { script, status, stdout, stderr },
    });
  }

  /** Copies files and folders of this machine into a folder of Dom0, `/root` when left out. */
  async push(
    files: readonly string[],
    { to = '/root' }: { readonly to?: string } = {},
  ): Promise<void> {
    await pushFiles(this, files, { to });
  }

  /** Brings the built packages of an npm workspace into Dom0, and their commands onto the PATH there. */
  async pushWorkspace({
    workspace = findWorkspace(process.cwd()),
    progress = silentProgress,
  }: { readonly workspace?: string; readonly progress?: Progress } = {}): Promise<PushedWorkspace> {
    return pushWorkspaceFiles(this, { workspace, progress });
  }

  /** What Xen and Dom0's kernel wrote to the serial line since the lab started. */
  async consoleText(): Promise<string> {
    return Promise.resolve(readFileSync(path.join(this.folder, SERIAL_LOG), 'utf8'));
  }

  /** Kills the lab and removes its files; returns when its emulator is gone. */
  async stop(): Promise<void> {
    const monitor = net.connect(path.join(this.folder, 'qmp.sock'));
    // The kernel closes the monitor's socket as the emulator dies; one that is gone already refuses.
    const closed = new Promise((resolve) => {
      monitor.once('close', resolve).on('error', () => undefined);
    });
    monitor.resume();
    removeLab(this.#found);
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts a lab that ends with this process, however that ends. The first start of an image and a shape of machine
 * builds and boots; every later one takes about a second.
 *
 * Call it from the main thread: the kernel ties the lab to the thread that started it.
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const name = `of-${String(process.pid)}-${randomBytes(4).toString('hex')}`;
  return start(name, options, { owned: true });
}

/** Starts a lab that stays until it is stopped; an existing one of that name is an error, LAB_USAGE. */
export async function startNamedLab(name: string, options: LabOptions = {}): Promise<Lab> {
  return start(name, options, { owned: false });
}

/** The running lab of that name. @throws LabError LAB_NOT_FOUND. */
export function getLab(name: string): Lab {
  const found = findLabRecord(name);
  if (found === undefined || !isLabRunning(found.record)) {
    throw new LabError('LAB_NOT_FOUND', {
      message: `There is no running lab "${name}"`,
      context: { name },
    });
  }
  return new Lab(found);
}

/** A lab's record; undefined for a name that no lab has. */
export function findLabRecord(name: string): FoundRecord | undefined {
  return findRecord(labFolder(parseLabName(name)));
}

export function isLabRunning({ emulator }: LabRecord): boolean {
  return emulator !== null && isRunning(emulator);
}

function parseLabName(name: string): string {
  if (/^[\w][\w.-]{0,31}$/.test(name)) return name;
  throw new LabError('LAB_USAGE', {
    message: `"${name}" is no name for a lab: use up to 32 letters, digits, "-", "_" and "."`,
  });
}

async function start(
  name: string,
  options: LabOptions,
  { owned }: { readonly owned: boolean },
): Promise<Lab> {
  const { signal, progress = silentProgress } = options;
  const release = getRelease(options.release ?? 'bookworm');
  const shape = {
    memoryMib: parseMemoryMib(options.mem ?? '6G'),
    cpus: options.cpus ?? 2,
    xenstored: options.xenstored ?? 'oxenstored',
  };
  sweepLabs();
  await ensureHostTools(RUN_TOOLS, progress);
  const image = await ensureImage(release, { progress, signal });
  const snapshot = await ensureSnapshot(image, shape, { progress, signal });
  const self = findProcess(process.pid) ?? null;
  let record: LabRecord = {
    ...shape,
    name: parseLabName(name),
    release: release.name,
    imageFolder: image.folder,
    startedAt: new Date().toISOString(),
    // While it is being started, a lab belongs to whoever starts it.
    owner: self,
    emulator: null,
    connection: null,
    sshPort: null,
  };
  const folder = createLabFolder(record);
  if (folder === undefined) {
    throw new LabError('LAB_USAGE', {
      message: `There already is a lab "${name}"`,
      context: { name },
    });
  }
  const update = (change: Partial<LabRecord>): void => {
    record = { ...record, ...change };
    writeRecord(folder, record);
  };
  try {
    const emulator = new Emulator({
      ...shape,
      ...snapshot,
      imageFolder: image.folder,
      folder,
      mode: 'restore',
      owned,
    });
    update({ emulator: emulator.identity });
    await emulator.connect();
    await emulator.restore(snapshot.stateFile);
    const sshPort = await emulator.readSshPort();
    writeSshConfig(folder, { imageFolder: image.folder, sshPort });
    const connection = await openConnection(folder, { owned, signal });
    update({ connection: connection.identity, sshPort });
    await setClock(folder, signal);
    if (!owned) update({ owner: null });
    emulator.release();
    return new Lab({ folder, record });
  } catch (error) {
    removeLab({ folder, record });
    throw error;
  }
}

/** Dom0's clock stands where the snapshot was taken. */
async function setClock(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const now = (Date.now() / 1000).toFixed(3);
  const argv = ['date', '-s', `@${now}`];
  const options = { argv, timeoutMs: 60_000, ...(signal === undefined ? {} : { signal }) };
  const { status, stderr } = await executeInDom0(folder, options);
  if (status !== 0)
    throw new LabError('LAB_LOST', { message: `Cannot set Dom0's clock: ${stderr.trim()}` });
}
