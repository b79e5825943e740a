/**
 * From a URI to a host: `xen:` is this Dom0, `sim:` and `sim:PATH` the embedded host whose sockets lie in folder PATH.
 * The provider is loaded by name at run time, so that using one does not load the other, nor an addon that is not there.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ConnectError } from './errors.ts';
import type { Host } from './host/host.ts';
import { nodeHostServices } from './host/node-host-services.ts';
import type { HostServices } from './host/host-services.ts';
import type { HotplugServices } from './hotplug/hotplug-services.ts';
import type { Hypervisor } from './hypervisor/hypervisor.ts';
import { openLocalStore, openSocketStore } from './xenstore/open.ts';

/** Present in a Dom0 whose kernel can talk to Xen. */
const PRIVCMD_DEVICES = ['/dev/xen/privcmd', '/proc/xen/privcmd'];

export interface ConnectOptions {
  /** `xen:`, `sim:` or `sim:PATH`; without one, this machine's Xen if it is a Dom0. */
  readonly uri?: string | undefined;
  /** Socket of xenstored on a `xen:` host, where it is not in its usual place. */
  readonly xenstoredPath?: string | undefined;
}

/** What `@xenops/native` exports for us. */
interface NativeProvider {
  openHypervisor(): Hypervisor;
  openHotplug(): HotplugServices;
}

/** What `@xenops/sim` exports for us. */
interface SimProvider {
  openSimHost(folder: string | undefined): Promise<{
    readonly hypervisor: Hypervisor;
    readonly hotplug?: HotplugServices;
    readonly services?: HostServices;
    readonly xenstoreSocketPath: string;
  }>;
}

/**
 * Opens the host. Never falls back from one kind to another. Rejects with CONNECT_NO_HOST when none is named and this is
 * no Dom0, CONNECT_BAD_URI, CONNECT_FAILED (the provider cannot be loaded), HYPERVISOR_UNAVAILABLE or
 * XENSTORE_UNAVAILABLE.
 */
export async function connect({ uri, xenstoredPath }: ConnectOptions = {}): Promise<Host> {
  const chosen = uri ?? (PRIVCMD_DEVICES.some((device) => existsSync(device)) ? 'xen:' : undefined);
  if (chosen === undefined) {
    throw new ConnectError('CONNECT_NO_HOST', {
      message:
        'This machine is not a Dom0 of Xen and no host was named: run this in Dom0, or name the embedded host with --connect sim: (or XENOPS_CONNECT=sim:)',
    });
  }
  if (chosen === 'xen:') return openXen(xenstoredPath);
  const sim = /^sim:(?<folder>.*)$/.exec(chosen);
  if (sim !== null) return openSim(chosen, sim.groups?.['folder'] ?? '');
  throw new ConnectError('CONNECT_BAD_URI', {
    message: `"${chosen}" names no host: it is xen: for this Dom0, sim: or sim:PATH for an embedded host`,
    context: { uri: chosen },
  });
}

async function openXen(socketPath: string | undefined): Promise<Host> {
  const native = await loadProvider<NativeProvider>('@xenops/native', 'openHypervisor');
  const hypervisor = native.openHypervisor();
  return hostOf('xen:', { hypervisor, hotplug: native.openHotplug() }, () =>
    openLocalStore({ socketPath }),
  );
}

async function openSim(uri: string, folder: string): Promise<Host> {
  const sim = await loadProvider<SimProvider>('@xenops/sim', 'openSimHost');
  const opened = await sim.openSimHost(folder === '' ? undefined : path.resolve(folder));
  return hostOf(uri, opened, () => openSocketStore(opened.xenstoreSocketPath));
}

async function hostOf(
  uri: string,
  {
    hypervisor,
    hotplug,
    services = nodeHostServices,
  }: {
    readonly hypervisor: Hypervisor;
    readonly hotplug?: HotplugServices;
    readonly services?: HostServices;
  },
  openStore: () => Promise<Host['store']>,
): Promise<Host> {
  try {
    const store = await openStore();
    return {
      uri,
      hypervisor,
      store,
      openStore,
      services,
      ...(hotplug === undefined ? {} : { hotplug }),
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await hypervisor[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await hypervisor[Symbol.asyncDispose]();
    throw error;
  }
}

/** Loads a provider that is not a dependency of this package, and checks that it is one. */
async function loadProvider<Provider>(
  name: string,
  entry: string & keyof Provider,
): Promise<Provider> {
  let provider: Record<string, unknown>;
  try {
    provider = (await import(name)) as Record<string, unknown>;
  } catch (cause) {
    throw new ConnectError('CONNECT_FAILED', {
      message: `This kind of host needs the package ${name}, which cannot be loaded`,
      context: { package: name },
      cause,
    });
  }
  if (typeof provider[entry] !== 'function') {
    throw new ConnectError('CONNECT_FAILED', {
      message: `The package ${name} is of another version: it has no ${entry}`,
      context: { package: name },
    });
  }
  return provider as Provider;
}
