/** The process that serves all VMs. It is nobody's child: it goes on when we end, and is found again by its socket. */
import { watch } from 'node:fs';
import path from 'node:path';
import { nodeHostServices } from '@xenops/core/host';
import { withDeadline } from '@xenops/core/lifetime';
import { ManagerError } from '../manager/manager-error.ts';
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
  const { command, socketFolder, configFolder, env = {}, clock } = options;
  const [program = '', ...args] = command;
  const logPath = path.join(configFolder, 'monitor.log');
  const what = `${program} to serve its sockets in ${socketFolder}`;
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
      message: `The monitor of VMs, ${program}, does not start${told === '' ? '' : `: ${told}`}`,
      context: { program },
      cause,
    });
  }
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
