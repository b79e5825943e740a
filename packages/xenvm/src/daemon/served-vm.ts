/**
 * One VM with all its doors. Up: lock, configuration, listeners, socket and bus name, `ping`, and only then the start-up
 * action, so that what goes wrong in it is heard. Down, from wherever the start came to: what is under way, `hup`, the
 * socket, the name, the lock. The guest is left as it is.
 */
import type { Logger } from '@xenops/core/daemon';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { CleanupStack } from '@xenops/core/lifetime';
import type { Bus } from '@xenops/rpcgen/runtime';
import { DbusTransport } from '../notify/dbus-transport.ts';
import { EventLog } from '../notify/event-log.ts';
import { NOTIFICATION } from '../notify/notification.ts';
import { Notifier } from '../notify/notifier.ts';
import { StreamTransport } from '../notify/stream-transport.ts';
import type { NotifyTarget, NotifyTransport } from '../notify/transport.ts';
import { serveVmObject } from '../rpc/dbus/vm-object.ts';
import { sentenceOf } from '../rpc/rpc-errors.ts';
import { serveTasks } from '../rpc/rpc-server.ts';
import { makeFolder } from '../rpc/unix-listener.ts';
import { takeLock } from './uuid-lock.ts';
import type { VmProvider, VmService } from './vm-service.ts';

/** For callers to take their answers when a VM is let go. */
const CLOSE_GRACE_MS = 2000;
const FOLDER_MODE = { alone: 0o700, withGroup: 0o750 };

/** What the VMs of one daemon share. */
export interface Surroundings {
  readonly provider: VmProvider;
  readonly logger: Logger;
  readonly socketFolder: string;
  readonly gid: number | undefined;
  readonly hasJson: boolean;
  /** Absent without D-Bus. */
  readonly bus: Bus | undefined;
  readonly isStrict: boolean;
}

/** Which VM. */
export interface ServedVmOptions extends Surroundings {
  readonly uuid: string;
  readonly configPath: string | undefined;
  /** Whether it is the only VM of its bus connection. */
  readonly isAlone: boolean;
  readonly requestQuit: () => void;
  /** Interrupts the start-up action. */
  readonly signal: AbortSignal;
}

/** A VM that is served. */
export interface ServedVm extends AsyncDisposable {
  readonly uuid: string;
  readonly configPath: string | undefined;
  readonly vm: VmService;
}

/** The socket of a VM. */
export function socketPathOf(folder: string, uuid: string): string {
  return path.join(folder, `vm-${uuid}`);
}

/** Brings the VM up. Rejects with what failed, with everything taken down again. */
export async function serveVm(options: ServedVmOptions): Promise<ServedVm> {
  const { uuid, configPath, socketFolder, gid } = options;
  const undo = new CleanupStack();
  try {
    const folderMode = gid === undefined ? FOLDER_MODE.alone : FOLDER_MODE.withGroup;
    await makeFolder(socketFolder, folderMode, gid);
    const lock = await takeLock(path.join(socketFolder, `lock-${uuid}`));
    undo.push('the lock', async () => lock[Symbol.asyncDispose]());
    const vm = await openDoors(options, undo);
    return { uuid, configPath, vm, [Symbol.asyncDispose]: () => undo.unwind() };
  } catch (error) {
    await undo.unwind().catch((failure: unknown) => {
      options.logger.log('error', `Cannot take VM ${uuid} down cleanly`, failure);
    });
    throw error;
  }
}

async function openDoors(options: ServedVmOptions, undo: CleanupStack): Promise<VmService> {
  const { uuid, provider, configPath, isStrict, requestQuit, signal } = options;
  const logger = options.logger.child({ vm: uuid });
  const events = new EventLog(randomUUID());
  const notifier = new Notifier(uuid, events);
  const listeners = new Listeners({ ...options, notifier, logger });
  const vm = await provider.openVm({
    uuid,
    configPath,
    isStrict,
    events,
    notifier,
    setNotifyTargets: (targets) => listeners.set(targets),
    requestQuit,
    logger,
  });
  const stop = once(async () => vm[Symbol.asyncDispose]());
  undo.push('the VM, when a door does not open', stop);
  const report = (error: unknown): void => logger.log('error', 'A request met a fault', error);
  undo.push('the listeners', () => listeners[Symbol.dispose]());
  await openSocket({ ...options, vm, report }, undo);
  await openBusName({ ...options, vm, report }, undo);
  undo.push('the hup', async () => {
    notifier.notify(NOTIFICATION.hup, ['hup']);
    await notifier.flush();
  });
  undo.push('the VM', stop);
  notifier.notify(NOTIFICATION.ping, ['ping']);
  if (options.bus !== undefined) notifier.notify(NOTIFICATION.ping, ['dbus-rpc-up']);
  try {
    await vm.startUp(signal);
  } catch (error) {
    notifier.notify(NOTIFICATION.error, ['error', sentenceOf(error)]);
    throw error;
  }
  return vm;
}

/** The same, done at most once. */
function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= act());
}

interface DoorOptions extends ServedVmOptions {
  readonly vm: VmService;
  readonly report: (error: unknown) => void;
}

async function openSocket(options: DoorOptions, undo: CleanupStack): Promise<void> {
  const { hasJson, socketFolder, uuid, gid, vm: port, report } = options;
  if (!hasJson) return;
  const socketPath = socketPathOf(socketFolder, uuid);
  const server = await serveTasks({ socketPath, gid, port, report });
  undo.push('the socket', () => server.close(CLOSE_GRACE_MS));
}

async function openBusName(options: DoorOptions, undo: CleanupStack): Promise<void> {
  const { bus, uuid, vm: port, isAlone, report } = options;
  if (bus === undefined) return;
  const object = await serveVmObject({ bus, uuid, port, isAlone, report });
  undo.push('the bus name', async () => object[Symbol.asyncDispose]());
}

interface ListenersOptions extends ServedVmOptions {
  readonly notifier: Notifier;
  readonly logger: Logger;
}

/** The transports that the configuration asks for. */
class Listeners implements Disposable {
  readonly #options: ListenersOptions;
  #transports: readonly NotifyTransport[] = [];
  #targets = '';

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  set(targets: readonly NotifyTarget[]): void {
    const text = JSON.stringify(targets);
    // What waits for a listener keeps its place before what comes now.
    if (text === this.#targets) return;
    this.#targets = text;
    this[Symbol.dispose]();
    this.#transports = targets.flatMap((target) => this.#open(target));
    this.#options.notifier.setTransports(this.#transports);
  }

  [Symbol.dispose](): void {
    for (const transport of this.#transports) {
      if (transport instanceof DbusTransport) transport[Symbol.dispose]();
    }
    this.#transports = [];
  }

  #open(target: NotifyTarget): readonly NotifyTransport[] {
    const { bus, uuid, logger } = this.#options;
    const onFailure = (error: unknown): void => {
      logger.log('warn', 'Notifications do not reach a listener', error);
    };
    if (target.kind !== 'dbus') return [new StreamTransport({ target, onFailure })];
    if (bus !== undefined) return [new DbusTransport(bus, uuid, onFailure)];
    logger.log('warn', 'Notifications over D-Bus need --monitor-dbus true');
    return [];
  }
}
