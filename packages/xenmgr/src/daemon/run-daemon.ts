/** The service from its settings to its end. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { connect } from '@xenops/core/connect';
import { ConfigError } from '@xenops/core/errors';
import {
  createLogger,
  openLogSink,
  BACKGROUND_VARIABLE,
  tellReady,
  tellStopping,
  writePidFile,
  type Logger,
} from '@xenops/core/daemon';
import { CleanupStack, withDeadline } from '@xenops/core/lifetime';
import { connectBus, type Bus } from '@xenops/rpcgen/runtime';
import { rootAndGroup } from '../db/access.ts';
import { openDatabase, type Database } from '../db/database.ts';
import { importOldFiles } from '../db/old-files.ts';
import { isThere } from '../host/files.ts';
import { hasFlavour } from '../root/caps.ts';
import { SYSTEM_POWER_COMMANDS } from '../host/power.ts';
import { placesBelow, SYSTEM_PLACES, type Places } from '../manager/places.ts';
import { errorReply } from '../objects/error-reply.ts';
import { startManager, type RunningManager } from '../service/start-manager.ts';
import { BUILT_IN_FOLDER } from '../templates/templates.ts';
import type { DaemonSettings } from './command-line.ts';

const BUS_TIMEOUT_MS = 25_000;
const BUS_RECONNECT = { firstDelayMs: 100, delayMaxMs: 10_000 };
const SOCKET_FOLDER = '/run/xenvm';
/** Of the package xenvm. */
const MONITOR_UNIT = { name: 'xenvm.service', systemctl: 'systemctl' } as const;
/** Below the time after which systemd kills (90 s), above that of an operation to be undone. */
const END_TIMEOUT_MS = 75_000;
const STATUS = { done: 0, failed: 2 } as const;

/** Runs until it is asked to end, and gives the exit status. Never rejects. */
export async function runDaemon(settings: DaemonSettings): Promise<number> {
  const isSyslog = process.env[BACKGROUND_VARIABLE] !== undefined;
  const sink = openLogSink({ isSyslog, tag: 'xenmgr' });
  const log = createLogger({ level: settings.isVerbose ? 'debug' : 'info', ...sink }, 'xenmgr');
  const undo = new CleanupStack();
  let status: number = STATUS.done;
  try {
    await run(settings, log, undo);
  } catch (error) {
    status = STATUS.failed;
    log.log('error', 'The manager cannot start', error);
    // Whoever starts it in the background does not read syslog.
    if (isSyslog) process.stderr.write(`xenmgr: ${sentencesOf(error)}\n`);
  }
  await tellStopping(log);
  // What does not end must not keep the process from ending.
  await withDeadline({ what: 'the manager to end' }, { timeoutMs: END_TIMEOUT_MS }, () =>
    undo.unwind(),
  ).catch((error: unknown) => log.log('error', 'The manager did not end cleanly', error));
  return status;
}

function sentencesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}: ${sentencesOf(error.cause)}`;
}

async function run(settings: DaemonSettings, log: Logger, undo: CleanupStack): Promise<void> {
  const end = waitForEnd(log);
  undo.push('the signals', () => end.stopListening());
  const places = await placesOf(settings);
  await mkdir(places.run, { recursive: true, mode: 0o700 });
  const database = await openStore(places, settings, log, undo);
  const { connectUri: uri } = settings;
  const host = await connect({ uri, xenstoredPath: process.env['XENSTORED_PATH'] });
  undo.push('the host', async () => host[Symbol.asyncDispose]());
  const bus = await openBus(log, undo);
  const isSimulated = host.uri.startsWith('sim:');
  const monitorSocketFolder = process.env['XENVM_SOCKET_DIR'] ?? monitorFolder(settings, places);
  const manager = await startManager({
    ...{ host, bus, database, log, places, monitorSocketFolder },
    accessRule: rootAndGroup(settings.group),
    monitorCommand: [await findProgram(settings.monitor), 'serve'],
    monitorEnv: monitorEnvironment(host.uri),
    // The unit serves the host itself, at the usual place; another monitor is one of our own.
    ...(monitorSocketFolder === SOCKET_FOLDER && !isSimulated ? { monitorUnit: MONITOR_UNIT } : {}),
    powerCommands: isSimulated ? {} : SYSTEM_POWER_COMMANDS,
    hasServiceVms: settings.hasServiceVms ?? (await hasFlavour(places)),
    hasAutostart: settings.hasAutostart,
  });
  undo.push('the manager', async () => manager[Symbol.asyncDispose]());
  if (settings.pidFile !== undefined) {
    const file = await writePidFile(settings.pidFile);
    undo.push('the pid file', async () => file[Symbol.asyncDispose]());
  }
  await tellReady(log);
  log.log('info', 'The manager is ready');
  if ((await end.requested) === 'stop-vms') await stopVms(manager, log);
}

async function placesOf({ root, templates }: DaemonSettings): Promise<Places> {
  const usual = SYSTEM_PLACES.templates;
  const folder = templates ?? ((await isThere(usual)) ? usual : BUILT_IN_FOLDER);
  if (root !== undefined) return placesBelow(path.resolve(root), folder);
  return { ...SYSTEM_PLACES, templates: folder };
}

async function openStore(
  places: Places,
  { importFolder }: DaemonSettings,
  log: Logger,
  undo: CleanupStack,
): Promise<Database> {
  await mkdir(path.dirname(places.database), { recursive: true });
  const database = await openDatabase(places.database);
  undo.push('the database', () => database.close());
  if (importFolder === undefined) return database;
  for (const file of await importOldFiles(database, importFolder))
    log.log('warn', `${file} of the old database is no JSON; left out`);
  return database;
}

async function openBus(log: Logger, undo: CleanupStack): Promise<Bus> {
  const bus = await connectBus({
    address: 'system',
    timeoutMs: BUS_TIMEOUT_MS,
    reconnect: BUS_RECONNECT,
    mapError: errorReply,
    onUnexpected: (error) => log.log('error', 'A D-Bus call met a fault', error),
  });
  bus.onStateChange(({ kind }) => {
    // We close it ourselves, at the end.
    log.log(kind === 'closed' ? 'debug' : 'warn', `The connection to the bus is ${kind}`);
  });
  undo.push('the bus', () => bus.close());
  return bus;
}

function monitorFolder({ root }: DaemonSettings, { run: folder }: Places): string {
  return root === undefined ? SOCKET_FOLDER : path.join(folder, 'xenvm');
}

/** The absolute path of a program. Throws CONFIG_BAD_VALUE when it is not on the PATH. */
async function findProgram(name: string): Promise<string> {
  if (name.includes('/')) return path.resolve(name);
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const candidate = path.resolve(folder, name);
    if (folder !== '' && (await isThere(candidate))) return candidate;
  }
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The monitor of VMs, ${name}, is not on the PATH; name it with --xenvm`,
  });
}

/** The monitor is found, and finds its own programs, where we are. */
const PASSED_ON = ['PATH', 'DBUS_SYSTEM_BUS_ADDRESS', 'XENSTORED_PATH', 'HOME'];

function monitorEnvironment(uri: string): Readonly<Record<string, string>> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), XENOPS_CONNECT: uri };
}

async function stopVms(manager: RunningManager, log: Logger): Promise<void> {
  log.log('info', 'Stopping all VMs');
  await manager.stopAll().catch((error: unknown) => {
    log.log('error', 'Not every VM has stopped', error);
  });
}

interface End {
  readonly requested: Promise<'end' | 'stop-vms'>;
  readonly stopListening: () => void;
}

/** Listens to signals from now on, so that one during the start ends it in order; a second one ends it at once. */
function waitForEnd(log: Logger): End {
  let isRequested = false;
  let resolve: (how: 'end' | 'stop-vms') => void = () => undefined;
  const requested = new Promise<'end' | 'stop-vms'>((settle) => {
    resolve = settle;
  });
  const onEnd = (signal: NodeJS.Signals): void => {
    if (isRequested) process.exit(STATUS.failed);
    isRequested = true;
    log.log('info', `Ending on ${signal}; the VMs run on`);
    resolve('end');
  };
  const onStop = (): void => resolve('stop-vms');
  process.on('SIGTERM', onEnd).on('SIGINT', onEnd).on('SIGUSR2', onStop);
  return {
    requested,
    stopListening: () => {
      process.off('SIGTERM', onEnd).off('SIGINT', onEnd).off('SIGUSR2', onStop);
    },
  };
}
