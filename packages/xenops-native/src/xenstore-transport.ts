/**
 * xenstored through libxenstore: a transport for the client of the core, so that retries, watches, deadlines and the way
 * back after a lost connection are the same as on the others. The library makes one request at a time and knows the end of
 * the connection only when it is asked: at the next request, or within a second while there are watches.
 */
import { XenStoreError } from '@xenops/core/errors';
import { WireClient, type Connector, type WireClientOptions } from '@xenops/core/xenstore';
import type { StoreConnection } from './addon.ts';
import { BUILT_ADDON, openAddon, type AddonSource } from './load-addon.ts';

/**
 * A connector to what libxenstore chooses: the socket or device in the environment's XENSTORED_PATH, the daemon's socket,
 * the kernel's device. Throws HYPERVISOR_UNAVAILABLE without the addon.
 */
export function libxenstoreConnector(source: AddonSource = BUILT_ADDON): Connector {
  const addon = openAddon(source);
  return (handlers) =>
    new Promise((resolve, reject) => {
      let isOpen = false;
      const store: StoreConnection = addon.openStore((event, value) => {
        if (event === 'data') {
          if (ArrayBuffer.isView(value)) handlers.onData(value);
        } else if (event === 'open') {
          isOpen = true;
          resolve({
            send(message) {
              addon.sendToStore(store, message);
            },
            setRef(keepAlive) {
              addon.keepAliveForStore(store, keepAlive);
            },
            close() {
              addon.closeStore(store);
            },
          });
        } else if (isOpen) {
          handlers.onClose(asError(value));
        } else {
          reject(
            new XenStoreError('XENSTORE_UNAVAILABLE', {
              message: 'libxenstore finds no xenstored that answers',
              cause: value,
            }),
          );
        }
      });
    });
}

/** The store of this Dom0 or guest through libxenstore. Rejects with XENSTORE_UNAVAILABLE when nobody answers. */
export async function openLibxenstore(options?: WireClientOptions): Promise<WireClient> {
  const client = new WireClient(libxenstoreConnector(), options);
  await client.connect();
  return client;
}

/** An error of the addon is not always of the realm that this module runs in. */
function asError(value: Uint8Array | Error | undefined): Error | undefined {
  if (value === undefined || value instanceof Error) return value;
  return new Error('libxenstore has lost the connection', { cause: value });
}
