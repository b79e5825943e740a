/** The bridge that Dom0 has, named as Xen's network guide names it. */
const BRIDGE = 'xenbr0';

/**
 * A simulated host as a process: the folder's lock, the host, its two sockets, and an end when nobody has used it for
 * a while. Starts in this order and stops in the reverse one.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '@xenops/core/host';
import { CleanupStack } from '@xenops/core/lifetime';
import { simulatedKernel } from '../hypervisor/kernel-image.ts';
import { processCalls } from '../rpc/machine-verbs.ts';
import { listenForHypervisorClients } from '../rpc/server.ts';
import { createSimHost } from '../sim-host.ts';
import { makeOwnFolder } from '../sockets/private-listener.ts';
import { listenForStoreClients } from '../xenstored/listener.ts';
import { lockFolder } from './folder-lock.ts';
import { IdleTimer } from './idle-timer.ts';
import { simSocketPaths } from './socket-folder.ts';

export interface DaemonOptions {
  readonly folder: string;
  /** JSON file of the machine. */
  readonly description?: string | undefined;
  readonly memoryKib?: number | undefined;
  readonly cpuCount?: number | undefined;
  /** Stop after this long without a connection; 0 for never. */
  readonly idleTimeoutMs: number;
  readonly onIdle: () => void;
  readonly log: (text: string) => void;
  readonly clock?: Clock | undefined;
}

/** Starts; both sockets listen when it resolves. Rejects with CONNECT_FAILED when the folder is in use. */
export async function startDaemon(options: DaemonOptions): Promise<AsyncDisposable> {
  const { clock = systemClock, log, description, memoryKib, cpuCount } = options;
  const paths = simSocketPaths(options.folder);
  const stop = new CleanupStack();
  try {
    await makeOwnFolder(paths.folder);
    const lock = await lockFolder(paths.lockFile);
    stop.push('the lock of the folder', () => lock.release());
    await writeGuestKernel(paths.guestKernel);
    const { consoleFolder, runFolder } = paths;
    await mkdir(runFolder, { recursive: true, mode: 0o700 });
    const host = await createSimHost({
      clock,
      log,
      description,
      memoryKib,
      cpuCount,
      consoleFolder,
      runFolder,
    });
    stop.push('the host', async () => {
      await host[Symbol.asyncDispose]();
    });
    host.control.machine.addBridge(BRIDGE);
    const idle = new IdleTimer({ clock, timeoutMs: options.idleTimeoutMs, onIdle: options.onIdle });
    stop.push('the idle timer', () => idle[Symbol.dispose]());
    const onConnections = (): void =>
      idle.setCount(store.connectionCount + hypervisor.connectionCount);
    const store = await listenForStoreClients({
      xenstored: host.control.xenstored,
      socketPath: paths.xenstoreSocket,
      onConnections: () => onConnections(),
    });
    stop.push('the socket of xenstored', async () => {
      await store[Symbol.asyncDispose]();
    });
    // Last: whoever looks for a host looks here, and finds all of it.
    const hypervisor = await listenForHypervisorClients({
      openHypervisor: () => host.control.openHypervisor(),
      machine: { hotplug: host.hotplug, process: processCalls(host.services) },
      socketPath: paths.hypervisorSocket,
      onConnections: () => onConnections(),
    });
    stop.push('the socket of the hypervisor', async () => {
      await hypervisor[Symbol.asyncDispose]();
    });
    idle.setCount(0);
    return stop;
  } catch (error) {
    await stop.unwind();
    throw error;
  }
}

async function writeGuestKernel(file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, simulatedKernel(), { mode: 0o600 });
}
