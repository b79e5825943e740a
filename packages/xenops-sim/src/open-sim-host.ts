import { ConnectError } from '@xenops/core/errors';
import type { HotplugServices } from '@xenops/core/hotplug';
import type { HostServices } from '@xenops/core/host';
import type { Hypervisor } from '@xenops/core/hypervisor';
import { defaultSimFolder, simSocketPaths } from './daemon/socket-folder.ts';
import { startOnDemand, type StartOptions } from './daemon/start-on-demand.ts';
import { remoteServices } from './rpc/machine-verbs.ts';
import { openRemoteHost } from './rpc/remote-hypervisor.ts';

export interface OpenedSimHost {
  readonly hypervisor: Hypervisor;
  readonly hotplug: HotplugServices;
  /** Of this machine, but for device models. */
  readonly services: HostServices;
  /** For a client of xenstored. */
  readonly xenstoreSocketPath: string;
}

/**
 * The simulated host whose sockets lie in that folder, this user's own one unless said; started when nobody is there.
 * Rejects with CONNECT_FAILED, TIMEOUT or ABORTED.
 */
export async function openSimHost(
  folder: string = defaultSimFolder(),
  options: StartOptions = {},
): Promise<OpenedSimHost> {
  const { hypervisorSocket, xenstoreSocket, runFolder } = simSocketPaths(folder);
  const open = async (): Promise<OpenedSimHost> => {
    const { hypervisor, machine } = await openRemoteHost(hypervisorSocket);
    return {
      hypervisor,
      hotplug: machine.hotplug,
      services: remoteServices(machine.process, { runFolder, stateFolder: runFolder }),
      xenstoreSocketPath: xenstoreSocket,
    };
  };
  try {
    return await open();
  } catch (error) {
    if (!isNobodyThere(error)) throw connectFailure(folder, error);
  }
  await startOnDemand(folder, options);
  try {
    return await open();
  } catch (error) {
    throw connectFailure(folder, error);
  }
}

function isNobodyThere(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
  );
}

function connectFailure(folder: string, cause: unknown): ConnectError {
  return new ConnectError('CONNECT_FAILED', {
    message: `The simulated host in ${folder} cannot be reached`,
    context: { path: folder },
    cause,
  });
}
