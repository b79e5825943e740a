/** The device model of a domain: started, steered over QMP, stopped. One object for one running qemu. */
import { copyFile, rm } from 'node:fs/promises';
import { DeviceModelError, DomainError, hasCode } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import { runFolderOf } from '../host/run-folder.ts';
import { DOM0, type Domid } from '../ids.ts';
import { withDeadline } from '../lifetime/deadline.ts';
import type { DiskFormat } from '../devices/classes/vbd.ts';
import { ownedBy } from '../xenstore/permissions.ts';
import { deviceModelPath, deviceModelsPath, domainPath, ownRecordPath } from '../xenstore/path.ts';
import { driveId, openDisks, qemuArguments, STATE_FD, type Surroundings } from './arguments.ts';
import type { DeviceModelConfig } from './config.ts';
import { confine, findConfinement, releaseConfinement, type Place } from './confinement.ts';
import { pruneEmpty } from '../domain/remove-nodes.ts';
import { withUndo } from '../domain/with-undo.ts';
import { closeMedia, giveMedium } from './given-files.ts';
import { isGone, QmpClient, type QmpOptions } from './qmp.ts';
import { untilConfinedRuns, untilRunning } from './until-serving.ts';

/** Debian's qemu for Xen. */
const QEMU_PATH = '/usr/libexec/xen-qemu-system-i386';
const LOG_FOLDER = '/var/log/xen';
/** What qemu gets to flush its disks after it was asked to end. */
const STOP_TIMEOUT_MS = 10_000;
/** Name of the file that a confined one writes its state to, in its root folder. */
const CONFINED_STATE = 'state';
/** Bytes of a log before it is put aside at the next start. */
const LOG_BYTES_MAX = 1 << 20;

/** Where a domain's device model listens. */
function socketPaths(
  host: Host,
  domid: Domid,
): Pick<Surroundings, 'socketPath' | 'heldSocketPath'> {
  const folder = runFolderOf(host.services);
  return {
    socketPath: `${folder}/qmp-libxl-${domid}`,
    heldSocketPath: `${folder}/qmp-xenops-${domid}`,
  };
}

/** How to reach a device model. */
export interface ModelOptions extends QmpOptions {
  /** Whether the connection is kept: others, xl among them, find the other monitor free then. */
  readonly isHeld?: boolean | undefined;
}

/**
 * Starts qemu for a domain that has been built and not unpaused, and waits until it serves. Rejects with DM_START_FAILED (the end of its log
 * quoted), DOMAIN_WRONG_STATE (it has one), CONFIG_BAD_VALUE, TIMEOUT or ABORTED; no new process is left then.
 */
export async function startDeviceModel(
  host: Host,
  config: DeviceModelConfig,
  options: ModelOptions = {},
): Promise<DeviceModel> {
  const sockets = socketPaths(host, config.domid);
  // Says what is wrong with the configuration before anything is made.
  qemuArguments(config, sockets);
  const { domid, isConfined = false, qemuPath = QEMU_PATH } = config;
  await assertNone(host, domid);
  return withUndo(`Starting the device model of domain ${domid}`, async (undo) => {
    undo.push('where it is confined', async () => {
      if (isConfined) await releaseConfinement(host, domid);
    });
    const confinement = isConfined ? await confine(host, config, qemuPath) : undefined;
    await prepareNodes(host, domid);
    return startQemu(host, config, { ...sockets, confinement }, options);
  });
}

/** Two of them would serve the same guest, and only one be on record. */
async function assertNone(host: Host, domid: Domid): Promise<void> {
  const running = await recordedProcess(host, domid);
  if (running === undefined || !(await host.services.isAlive(running))) return;
  throw new DomainError('DOMAIN_WRONG_STATE', {
    message: `Domain ${domid} has a device model already: process ${running.pid}`,
    context: { domid, pid: running.pid },
  });
}

async function startQemu(
  host: Host,
  config: DeviceModelConfig,
  surroundings: Surroundings,
  options: ModelOptions,
): Promise<DeviceModel> {
  const { domid, name, statePath } = config;
  const { socketPath, confinement } = surroundings;
  const disks = openDisks(confinement === undefined ? [] : config.disks);
  const logPath = `${LOG_FOLDER}/qemu-dm-${name.replaceAll(/[^\w.-]/g, '_')}.log`;
  const started = await host.services.startProcess({
    path: config.qemuPath ?? QEMU_PATH,
    args: qemuArguments(config, surroundings),
    isIsolated: confinement !== undefined,
    env: { XEN_DOMAIN_ID: String(domid), XEN_QEMU_CONSOLE_LIMIT: '1048576' },
    log: { path: logPath, rotateBytes: LOG_BYTES_MAX },
    inputs: { ...(statePath === undefined ? {} : { [STATE_FD]: statePath }), ...disks.inputs },
    updates: disks.updates,
  });
  try {
    await recordProcess(host, domid, started.identity);
    if (confinement === undefined) await untilRunning(host, domid, started.exited, options);
    else await untilConfinedRuns(host, { domid, socketPath }, started.exited, options);
    return await DeviceModel.connect(host, domid, started.identity, options);
  } catch (error) {
    await endProcess(host, started.identity);
    const status = hasCode(error, 'ABORTED') ? undefined : await host.services.readLog(logPath);
    if (status === undefined || hasCode(error, 'ABORTED')) throw error;
    throw new DeviceModelError('DM_START_FAILED', {
      message: `The device model of domain ${domid} did not start${status === '' ? '' : `; it says: ${status}`}`,
      context: { domid, logPath },
      cause: error,
    });
  }
}

/** The device model that already runs for a domain, by our own record; undefined when it has none or that is gone. */
export async function adoptDeviceModel(
  host: Host,
  domid: Domid,
  options: ModelOptions = {},
): Promise<DeviceModel | undefined> {
  const identity = await recordedProcess(host, domid);
  if (identity === undefined || !(await host.services.isAlive(identity))) return undefined;
  return DeviceModel.connect(host, domid, identity, options);
}

/** Ends the device model of a domain, if it has one; waits until it has let go of the guest's disks. */
export async function stopDeviceModel(host: Host, domid: Domid): Promise<void> {
  const identity = await recordedProcess(host, domid);
  if (identity !== undefined) await endProcess(host, identity);
  await releaseConfinement(host, domid);
  await Promise.all(
    Object.values(socketPaths(host, domid)).map((file) => host.services.removeFile(file)),
  );
  await host.store.transaction(async (tree) => {
    await Promise.all([
      tree.rm(deviceModelPath(domid)),
      tree.rm(ownRecordPath(domid, 'device-model')),
    ]);
    await pruneEmpty(tree, [deviceModelsPath()]);
  });
}

/** A running qemu. */
export class DeviceModel implements AsyncDisposable {
  readonly domid: Domid;
  readonly identity: ProcessIdentity;
  readonly #host: Host;
  readonly #qmp: QmpClient;

  private constructor(host: Host, domid: Domid, identity: ProcessIdentity, qmp: QmpClient) {
    this.#host = host;
    this.domid = domid;
    this.identity = identity;
    this.#qmp = qmp;
  }

  static async connect(
    host: Host,
    domid: Domid,
    identity: ProcessIdentity,
    { isHeld = false, ...options }: ModelOptions,
  ): Promise<DeviceModel> {
    const { socketPath, heldSocketPath } = socketPaths(host, domid);
    const own = { clock: host.services.clock, ...options };
    const shared = (): Promise<QmpClient> => QmpClient.connect(socketPath, own);
    const qmp = isHeld
      ? await QmpClient.connect(heldSocketPath, own).catch(async (error: unknown) => {
          // One that xl has started has no such monitor.
          if (isGone(error)) return shared();
          throw error;
        })
      : await shared();
    return new DeviceModel(host, domid, identity, qmp);
  }

  /** Resolves when qemu is gone, or this connection is closed. */
  get gone(): Promise<void> {
    return this.#qmp.closed;
  }

  get qmp(): QmpClient {
    return this.#qmp;
  }

  /** Stops its emulation, before state is saved. */
  async stop(options?: QmpOptions): Promise<void> {
    await this.#qmp.execute('stop', {}, options);
  }

  async continue(options?: QmpOptions): Promise<void> {
    await this.#qmp.execute('cont', {}, options);
  }

  /** Writes its devices' state to a file that it makes. */
  async saveState(
    filePath: string,
    { isLive, ...options }: QmpOptions & { readonly isLive: boolean },
  ): Promise<void> {
    const save = (filename: string): Promise<unknown> =>
      this.#qmp.execute('xen-save-devices-state', { filename, live: isLive }, options);
    const confinement = await findConfinement(this.#host, this.domid);
    if (confinement === undefined) await save(filePath);
    else await this.#saveConfined(confinement, filePath, save);
  }

  /** It can make no file, and sees none but what lies in its root folder: one is made there, for as long as it takes. */
  async #saveConfined(
    { user, rootPath }: Place,
    filePath: string,
    save: (filename: string) => Promise<unknown>,
  ): Promise<void> {
    const inside = `${rootPath}/${CONFINED_STATE}`;
    // What a save that was killed has left.
    await rm(inside, { force: true });
    try {
      await this.#host.services.makeFileOf(user, inside);
      await save(`/${CONFINED_STATE}`);
      await copyFile(inside, filePath);
    } finally {
      await rm(inside, { force: true });
    }
  }

  /** Has it track which memory it writes, while a live save copies. */
  async setDirtyTracking(enabled: boolean, options?: QmpOptions): Promise<void> {
    await this.#qmp.execute('xen-set-global-dirty-log', { enable: enabled }, options);
  }

  /** Takes the medium out of a CD drive; one that is empty is fine. */
  async eject(
    devid: number,
    { isForced, ...options }: QmpOptions & { readonly isForced: boolean },
  ): Promise<void> {
    const drive = driveId(devid);
    await this.#qmp.execute('eject', { id: drive, force: isForced }, options);
    if (await this.#isConfined()) await closeMedia(this.#qmp, { drive, now: undefined }, options);
  }

  /** Puts a medium into a CD drive, in place of the one that is in it, which stays when that fails (QEMU opens the new one first). */
  async insert(
    devid: number,
    medium: { readonly path: string; readonly format: DiskFormat },
    { isForced, ...options }: QmpOptions & { readonly isForced: boolean },
  ): Promise<void> {
    const format = medium.format === 'vhd' ? 'vpc' : medium.format;
    const drive = driveId(devid);
    const given = (await this.#isConfined())
      ? await giveMedium(this.#host, this.#qmp, { drive, filePath: medium.path }, options)
      : undefined;
    await this.#qmp.execute(
      'blockdev-change-medium',
      {
        id: drive,
        filename: given?.fileName ?? medium.path,
        format,
        'read-only-mode': 'read-only',
        force: isForced,
      },
      options,
    );
    if (given !== undefined) await closeMedia(this.#qmp, { drive, now: given }, options);
  }

  async #isConfined(): Promise<boolean> {
    return (await findConfinement(this.#host, this.domid)) !== undefined;
  }

  /** Wakes a guest that sleeps (S3). */
  async wakeUp(options?: QmpOptions): Promise<void> {
    await this.#qmp.execute('system_wakeup', {}, options);
  }

  /** The port that its screen is at; undefined without one. */
  async vnc(
    options?: QmpOptions,
  ): Promise<{ readonly address: string; readonly port: number } | undefined> {
    const answer = await this.#qmp.execute('query-vnc', {}, options);
    if (typeof answer !== 'object' || answer === null) return undefined;
    const { enabled, host: address, service } = answer as Record<string, unknown>;
    const port = Number(service);
    const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
    return enabled === true && typeof address === 'string' && isPort
      ? { address, port }
      : undefined;
  }

  async setVncPassword(password: string, options?: QmpOptions): Promise<void> {
    await this.#qmp.execute('change-vnc-password', { password }, options);
  }

  /** Terminals of its serial ports, by number. */
  async serialTerminals(options?: QmpOptions): Promise<ReadonlyMap<number, string>> {
    const answer = await this.#qmp.execute('query-chardev', {}, options);
    const found = new Map<number, string>();
    for (const entry of Array.isArray(answer) ? (answer as readonly unknown[]) : []) {
      if (typeof entry !== 'object' || entry === null) continue;
      const { label, filename } = entry as Record<string, unknown>;
      const number = /^serial(\d)$/.exec(typeof label === 'string' ? label : '')?.[1];
      const tty = /^pty:(\/dev\/pts\/\d+)$/.exec(typeof filename === 'string' ? filename : '')?.[1];
      if (number !== undefined && tty !== undefined) found.set(Number(number), tty);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#qmp[Symbol.asyncDispose]();
  }
}

/** The folder that qemu and the toolstack share; it must be there, and Dom0's alone, before qemu writes in it. */
async function prepareNodes(host: Host, domid: Domid): Promise<void> {
  const path = deviceModelPath(domid);
  await host.store.transaction(async (tree) => {
    await tree.rm(path);
    await tree.mkdir(path);
    await tree.setPermissions(path, ownedBy(DOM0));
  });
}

async function recordProcess(
  host: Host,
  domid: Domid,
  { pid, startTicks }: ProcessIdentity,
): Promise<void> {
  await host.store.transaction(async (tree) => {
    await Promise.all([
      tree.write(ownRecordPath(domid, 'device-model'), `${pid} ${startTicks}`),
      // For xl, which ends it by this.
      tree.write(domainPath(domid, 'image/device-model-pid'), String(pid)),
      tree.setPermissions(domainPath(domid, 'image/device-model-pid'), ownedBy(DOM0, domid)),
    ]);
  });
}

async function recordedProcess(host: Host, domid: Domid): Promise<ProcessIdentity | undefined> {
  const text = await host.store.find(ownRecordPath(domid, 'device-model'));
  const [pid, startTicks] = /^(\d+) (\d+)$/.exec(text ?? '')?.slice(1) ?? [];
  return pid === undefined || startTicks === undefined
    ? undefined
    : { pid: Number(pid), startTicks };
}

/** SIGHUP lets qemu flush its disks; one that does not end is killed. */
async function endProcess(host: Host, identity: ProcessIdentity): Promise<void> {
  const { services } = host;
  if (!(await services.signalProcess(identity, 'SIGHUP'))) return;
  try {
    await withDeadline(
      { what: `process ${identity.pid} to end` },
      { timeoutMs: STOP_TIMEOUT_MS, clock: services.clock },
      (signal) => services.processEnd(identity, signal),
    );
  } catch (error) {
    if (!hasCode(error, 'TIMEOUT')) throw error;
    await services.signalProcess(identity, 'SIGKILL');
    await withDeadline(
      { what: `process ${identity.pid} to end after it was killed` },
      { timeoutMs: STOP_TIMEOUT_MS, clock: services.clock },
      (signal) => services.processEnd(identity, signal),
    );
  }
}
