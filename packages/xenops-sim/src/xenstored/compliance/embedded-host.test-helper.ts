/**
 * The embedded xenstored with made-up domains: by calls in this process, or on a socket. Guests are in this process.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { StoreDomainState, StoreHost } from '@xenops/core/compliance';
import { socketConnector, WireClient, type Connector, type XenStore } from '@xenops/core/xenstore';
import { GuestRing, inProcessConnector } from '../in-process.ts';
import { listenForStoreClients } from '../listener.ts';
import type { OpenForAppend } from '../trace-log.ts';
import { Xenstored } from '../xenstored.ts';

export interface EmbeddedHost extends StoreHost {
  readonly xenstored: Xenstored;
}

/** Files that nobody reads, in every folder but one. */
const openForAppend: OpenForAppend = (file) =>
  file.startsWith('/none/') ? undefined : { append: () => undefined, close: () => undefined };

/** The store without a socket. */
export function openInProcess(): EmbeddedHost {
  const domains = new Map<number, StoreDomainState>();
  const rings = new Map<number, GuestRing>();
  const xenstored: Xenstored = new Xenstored({
    presence: (domid) => domains.get(domid) ?? 'absent',
    openForAppend,
    openGuestSink: (domid) => {
      const ring = new GuestRing(xenstored, domid);
      rings.set(domid, ring);
      return ring.session;
    },
  });
  const dom0 = hangingUp(inProcessConnector(xenstored));
  return {
    xenstored,
    dom0,
    guest: (domid) => {
      const ring = rings.get(domid);
      if (ring === undefined) throw new Error(`Domain ${domid} has not been introduced`);
      return hangingUp(ring.connector);
    },
    openStore: async () => new WireClient(dom0),
    setDomain: async (domid, state) => {
      domains.set(domid, state);
      xenstored.domainsChanged();
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The store on a socket, at `socketPath` of the host. */
export async function openOnSocket(): Promise<EmbeddedHost & { readonly socketPath: string }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'embedded-xenstored-'));
  const socketPath = path.join(folder, 'socket');
  const inner = openInProcess();
  const listener = await listenForStoreClients({ xenstored: inner.xenstored, socketPath });
  const dom0 = socketConnector(socketPath);
  return {
    ...inner,
    socketPath,
    dom0,
    openStore: async (): Promise<XenStore> => new WireClient(dom0),
    async [Symbol.asyncDispose]() {
      await listener[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** What a caller in the same process gets as an exception is the end of the connection to a client elsewhere. */
function hangingUp(connector: Connector): Connector {
  return async (handlers) => {
    let isOpen = true;
    const hangUp = (): void => {
      if (isOpen) handlers.onClose();
      isOpen = false;
    };
    const transport = await connector({ onData: handlers.onData, onClose: hangUp });
    return {
      ...transport,
      send(message) {
        try {
          if (isOpen) transport.send(message);
        } catch {
          hangUp();
        }
      },
    };
  };
}
