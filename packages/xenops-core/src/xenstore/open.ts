import { existsSync } from 'node:fs';
import { WireClient, type WireClientOptions } from './client/client.ts';
import { DEFAULT_SOCKET_PATH, socketConnector } from './client/socket-transport.ts';
import { XENBUS_DEVICE, xenbusConnector } from './client/xenbus-transport.ts';

/** The store behind the unix socket of a xenstored. Rejects with XENSTORE_UNAVAILABLE when nobody answers. */
export async function openSocketStore(
  socketPath: string,
  options?: WireClientOptions,
): Promise<WireClient> {
  const client = new WireClient(socketConnector(socketPath), options);
  await client.connect();
  return client;
}

/**
 * The store of this Dom0 or guest: the daemon's socket where there is one (XENSTORED_PATH overrides where), else the
 * kernel's device. Rejects with XENSTORE_UNAVAILABLE.
 */
export async function openLocalStore(
  { socketPath = DEFAULT_SOCKET_PATH }: { readonly socketPath?: string | undefined } = {},
  options?: WireClientOptions,
): Promise<WireClient> {
  if (existsSync(socketPath) || !existsSync(XENBUS_DEVICE)) {
    return openSocketStore(socketPath, options);
  }
  const client = new WireClient(xenbusConnector(), options);
  await client.connect();
  return client;
}
