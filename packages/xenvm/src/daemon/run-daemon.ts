/**
 * The daemon from its settings to its exit status. VMs are let go, not stopped: SIGTERM, SIGINT and the `quit` tasks end
 * the monitor alone; a second signal ends it at once. SIGHUP reads the config files again.
 */
import { findGroup, type Logger, tellReady, tellStopping, writePidFile } from '@xenops/core/daemon';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '@xenops/core/errors';
import { CleanupStack, withDeadline } from '@xenops/core/lifetime';
import { vmUuid } from '@xenops/core/ids';
import { BusError, connectBus, type Bus } from '@xenops/rpcgen/runtime';
import { serveTasks } from '../rpc/rpc-server.ts';
import type { Settings } from './command-line.ts';
import { EntriesFile } from './entries-file.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { LockTakenError } from './uuid-lock.ts';
import type { VmProvider } from './vm-service.ts';
import { VmSet, type VmEntry } from './vm-set.ts';

const BUS_TIMEOUT_MS = 25_000;
const BUS_RECONNECT = { firstDelayMs: 100, delayMaxMs: 10_000 };
const CONTROL_GRACE_MS = 2000;
/** Below the time after which systemd kills (90 s), above that of an operation to be undone. */
const END_TIMEOUT_MS = 60_000;
/** For a host to take back its watches; one that answers no more has none. */
const HOST_TIMEOUT_MS = 5000;

export type RunSettings = Exclude<Settings, { kind: 'help' }>;

/** What the daemon gets from its process. */
export interface RunOptions {
  readonly settings: RunSettings;
  readonly logger: Logger;
  readonly openProvider: () => Promise<VmProvider>;
  /** Says a line to whoever started us. */
  readonly say: (line: string) => void;
}

/** A start that cannot be, with the status that tells why. */
class StartError extends Error {
  readonly status: ExitStatus;

  constructor(status: ExitStatus, message: string) {
    super(message);
    this.status = status;
  }
}

/** Runs until it is asked to end. Never rejects. */
export async function runDaemon(options: RunOptions): Promise<ExitStatus> {
  const { logger, say } = options;
  const undo = new CleanupStack();
  const end = waitForEnd(logger);
  undo.push('the signals', () => end.stopListening());
  let status: ExitStatus = EXIT.done;
  try {
    // A start that does not come to its end, because a host answers no more, must not keep us from ours.
    await Promise.race([run(options, undo, end).then(() => end.requested), end.requested]);
  } catch (error) {
    status = statusOf(error);
    // What is wrong with the command line concerns nobody but who typed it.
    if (!(error instanceof StartError)) logger.log('error', 'The monitor cannot start', error);
    for (const line of reasonsOf(error)) say(line);
  }
  await tellStopping(logger);
  // What does not end, such as a host that answers no more, must not keep the monitor from ending.
  await withDeadline({ what: 'the VMs to be let go' }, { timeoutMs: END_TIMEOUT_MS }, () =>
    undo.unwind(),
  ).catch((error: unknown) => {
    logger.log('error', 'The monitor did not end cleanly', error);
  });
  return status;
}

async function run(options: RunOptions, undo: CleanupStack, end: End): Promise<void> {
  const { settings, logger, openProvider } = options;
  const { isStrict, hasJson, socketFolder, pidFile } = settings;
  const gid = await findGid(settings.socketGroup);
  const provider = await openProvider();
  undo.push('the host', () =>
    withDeadline({ what: 'the host to be let go' }, { timeoutMs: HOST_TIMEOUT_MS }, async () =>
      provider[Symbol.asyncDispose](),
    ),
  );
  const first = await firstEntries(settings, provider);
  const bus = settings.hasDbus ? await openBus(settings.busAddress, logger, undo) : undefined;
  const entriesFile = new EntriesFile(socketFolder);
  const isServe = settings.kind === 'serve';
  const vms = new VmSet({
    ...{ provider, logger, socketFolder, gid, hasJson, bus, isStrict },
    isAlone: !isServe,
    onQuit: end.request,
    onChange: async (entries) => {
      if (isServe && !end.isRequested()) await entriesFile.write(entries);
    },
  });
  undo.push('the VMs', async () => vms[Symbol.asyncDispose]());
  end.onReload(() => vms.reloadConfigs());
  end.requested.then(() => vms.interrupt()).catch(() => undefined);
  if (isServe) await startServing({ vms, first, entriesFile, settings, gid, logger }, undo);
  else for (const entry of first) await vms.add(entry);
  if (end.isRequested()) return;
  if (pidFile !== undefined) {
    const file = await writePidFile(pidFile);
    undo.push('the pid file', async () => file[Symbol.asyncDispose]());
  }
  await tellReady(logger);
}

interface ServeOptions {
  readonly vms: VmSet;
  readonly first: readonly VmEntry[];
  readonly entriesFile: EntriesFile;
  readonly settings: RunSettings;
  readonly gid: number | undefined;
  readonly logger: Logger;
}

/** One VM that cannot be served is logged and must not keep the others from their monitor. */
async function startServing(options: ServeOptions, undo: CleanupStack): Promise<void> {
  const { vms, first, entriesFile, settings, gid, logger } = options;
  const known = new Map<string, VmEntry>();
  for (const entry of [...(await entriesFile.read()), ...first]) known.set(entry.uuid, entry);
  const server = await serveTasks({
    socketPath: path.join(settings.socketFolder, 'control'),
    gid,
    port: vms,
    report: (error) => logger.log('error', 'A control request met a fault', error),
  });
  undo.push('the control socket', () => server.close(CONTROL_GRACE_MS));
  const adds = [...known.values()].map(async (entry) => {
    try {
      await vms.add(entry);
    } catch (error) {
      logger.child({ vm: entry.uuid }).log('error', 'The VM cannot be served', error);
    }
  });
  await Promise.all(adds);
}

/** The VMs that the command line names. */
async function firstEntries(
  settings: RunSettings,
  provider: VmProvider,
): Promise<readonly VmEntry[]> {
  if (settings.kind === 'serve') {
    return Promise.all(settings.configPaths.map((file) => entryOf(file, provider)));
  }
  const { uuid, configPath } = settings;
  if (uuid !== undefined) return [{ uuid, configPath }];
  if (configPath !== undefined) return [await entryOf(configPath, provider)];
  throw new StartError(EXIT.config, 'you need to specify a uuid or a config file');
}

async function entryOf(configPath: string, provider: VmProvider): Promise<VmEntry> {
  const found = await provider.findUuid(configPath);
  if (found !== undefined) return { uuid: vmUuid(found), configPath };
  throw new StartError(EXIT.config, 'you need to specify a uuid in your config file');
}

async function findGid(group: string | undefined): Promise<number | undefined> {
  if (group === undefined) return undefined;
  const gid = findGroup(group, await readFile('/etc/group', 'utf8'));
  if (gid !== undefined) return gid;
  throw new StartError(EXIT.failed, `--socket-group takes a group or its number, not "${group}"`);
}

async function openBus(
  address: 'system' | 'session',
  logger: Logger,
  undo: CleanupStack,
): Promise<Bus> {
  const bus = await connectBus({
    address,
    timeoutMs: BUS_TIMEOUT_MS,
    reconnect: BUS_RECONNECT,
    onUnexpected: (error) => logger.log('error', 'A D-Bus call met a fault', error),
  });
  bus.onStateChange(({ kind }) => {
    // We close it ourselves, at the end.
    logger.log(kind === 'closed' ? 'debug' : 'warn', `The connection to the bus is ${kind}`);
  });
  undo.push('the bus', () => bus.close());
  return bus;
}

function statusOf(error: unknown): ExitStatus {
  if (error instanceof StartError) return error.status;
  if (error instanceof LockTakenError) return EXIT.duplicate;
  if (error instanceof BusError && error.code === 'DBUS_NAME_TAKEN') return EXIT.duplicate;
  return hasCode(error, 'CONFIG_BAD_VALUE') ? EXIT.config : EXIT.failed;
}

/** What whoever started us is told; errors of a config file have a line each, which says what it is. */
function reasonsOf(error: unknown): readonly string[] {
  const text = error instanceof Error ? error.message : String(error);
  const isConfig = hasCode(error, 'CONFIG_BAD_VALUE') && 'problems' in error.context;
  return isConfig ? text.split('\n') : [`error: ${text}`];
}

interface End {
  readonly requested: Promise<void>;
  readonly request: () => void;
  readonly isRequested: () => boolean;
  readonly onReload: (reload: () => Promise<void>) => void;
  readonly stopListening: () => void;
}

/** Listens to signals from now on, so that one during the start ends it in order. */
function waitForEnd(logger: Logger): End {
  let isRequested = false;
  let resolve: () => void = () => undefined;
  const requested = new Promise<void>((resolveRequested) => {
    resolve = resolveRequested;
  });
  let reload: () => Promise<void> = async () => undefined;
  const request = (): void => {
    isRequested = true;
    resolve();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isRequested) process.exit(EXIT.failed);
    logger.log('info', `Ending on ${signal}; the guests run on`);
    request();
  };
  const onHangup = (): void => void reload();
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onHangup);
  return {
    requested,
    request,
    isRequested: () => isRequested,
    onReload: (act) => {
      reload = act;
    },
    stopListening: () => {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', onHangup);
    },
  };
}
