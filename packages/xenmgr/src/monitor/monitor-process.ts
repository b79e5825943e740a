/** The process that serves all VMs: a unit of systemd or nobody's child. It goes on when we end, and is found again by its socket. */
import { watch } from 'node:fs';
import path from 'node:path';
import { nodeHostServices } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { ManagerError } from '../manager/manager-error.ts';
import { runProgram } from '../manager/programs.ts';
import type { MonitorConnection } from './connection.ts';
import { START_TIMEOUT_MS, type MonitorsOptions } from './monitor-options.ts';

const LOG_BYTES_MAX = 1_048_576;
/** Of what it said, in the error. */
const QUOTED_CHARACTERS_MAX = 400;

/** Starts it and resolves with the first connection that it takes. Rejects with ManagerError MONITOR_FAILED or TIMEOUT. */
export async function startMonitor(
  options: MonitorsOptions,
  connect: (signal: AbortSignal) => Promise<MonitorConnection | undefined>,
  signal: AbortSignal,
): Promise<MonitorConnection> {
  const { socketFolder, configFolder, env = {}, clock } = options;
  const [program = '', ...args] = await startCommand(options, signal);
  const logPath = path.join(configFolder, 'monitor.log');
  const words = [program, ...args].join(' ');
  const what = `${words} to serve its sockets in ${socketFolder}`;
  try {
    const { exited } = await nodeHostServices.startProcess({
      path: program,
      args,
      env: { ...env, XENVM_SOCKET_DIR: socketFolder },
      log: { path: logPath, rotateBytes: LOG_BYTES_MAX },
    });
    return await withDeadline({ what }, { timeoutMs: START_TIMEOUT_MS, signal, clock }, (stop) =>
      firstConnection({ socketFolder, exited, connect, signal: stop }),
    );
  } catch (cause) {
    const told = (await nodeHostServices.readLog(logPath)).trim().slice(-QUOTED_CHARACTERS_MAX);
    throw new ManagerError('MONITOR_FAILED', {
      message: `The monitor of VMs, ${words}, does not start${told === '' ? '' : `: ${told}`}`,
      context: { program },
      cause,
    });
  }
}

/**
 * systemd starts a unit that failed again by itself. If we did so, too, there would be two monitors that fight over the
 * VMs; asking systemd joins what it has begun.
 */
async function startCommand(
  { command, unit }: MonitorsOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (unit === undefined) return command;
  const { name, systemctl } = unit;
  const question = ['show', '--property=LoadState', '--value', name];
  // Without systemd there is no unit either.
  const loadState = await runProgram(systemctl, question, { signal }).catch(() => '');
  return loadState.trim() === 'loaded' ? [systemctl, 'start', name] : command;
}

interface Start {
  readonly socketFolder: string;
  readonly exited: Promise<number>;
  readonly connect: (signal: AbortSignal) => Promise<MonitorConnection | undefined>;
  readonly signal: AbortSignal;
}

/** Tries whenever something changes in the folder, and once more when the program has ended: another may be serving. */
async function firstConnection(start: Start): Promise<MonitorConnection> {
  const { socketFolder, exited, connect, signal } = start;
  let wake: () => void = () => undefined;
  let status: number | undefined;
  const watcher = watch(socketFolder, () => wake());
  watcher.on('error', () => wake());
  signal.addEventListener('abort', () => wake());
  void exited.then((code) => {
    status = code;
    wake();
  });
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const hasEnded = status !== undefined;
      const connection = await connect(signal);
      if (connection !== undefined) return connection;
      signal.throwIfAborted();
      if (hasEnded) throw new Error(`It ended with status ${String(status)}`);
      // It may have ended while we looked.
      if (status === undefined) await changed;
    }
  } finally {
    watcher.close();
  }
}
