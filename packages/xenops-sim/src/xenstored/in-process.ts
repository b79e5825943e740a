/** The store without sockets: the client of the toolstack on a session in the same process, for tests and guests. */
import { XenStoreError } from '@xenops/core/errors';
import type { Connector, Transport, TransportHandlers } from '@xenops/core/xenstore';
import type { Connection } from './connection.ts';
import { Session } from './session.ts';
import type { Xenstored } from './xenstored.ts';

/** A connector to privileged connections. */
export function inProcessConnector(xenstored: Xenstored): Connector {
  return async (handlers) => {
    const session = openSession(xenstored, {
      mayDeliver: () => true,
      onData: handlers.onData,
      onClosed: () => handlers.onClose(),
    });
    session.bind(xenstored.connect(session));
    return transportOf(session, () => {
      session.end();
      handlers.onClose();
    });
  };
}

/**
 * The guest's end of an introduced domain's connection: there from the introduction on, with or without a driver in the
 * guest. Replies to a driver that has gone are lost, as they are for a guest that has forgotten its requests.
 */
export class GuestRing {
  readonly session: Session;
  readonly #findConnection: () => Connection | undefined;
  #handlers: TransportHandlers | undefined;
  #isReading = true;

  constructor(xenstored: Xenstored, domid: number) {
    this.#findConnection = () => xenstored.findGuestConnection(domid);
    this.session = openSession(xenstored, {
      mayDeliver: () => this.#isReading,
      onData: (chunk) => this.#handlers?.onData(chunk),
      onClosed: () => this.#handlers?.onClose(),
    });
  }

  /** A connector for the guest's driver; the ring has one user at a time. */
  readonly connector: Connector = async (handlers) => {
    const connection = this.#findConnection();
    if (connection === undefined) {
      throw new XenStoreError('XENSTORE_UNAVAILABLE', {
        message: 'The domain has not been introduced to xenstored',
      });
    }
    this.session.bind(connection);
    this.#handlers = handlers;
    return transportOf(this.session, () => {
      this.#handlers = undefined;
      handlers.onClose();
    });
  };

  /** Makes the guest leave what comes in the ring, or take it again. */
  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    if (isReading) deliver(this.session, (chunk) => this.#handlers?.onData(chunk));
  }
}

interface SessionEnd {
  /** Whether output is taken now; what is not waits in the session. */
  readonly mayDeliver: () => boolean;
  readonly onData: (chunk: Uint8Array) => void;
  readonly onClosed: () => void;
}

function openSession(xenstored: Xenstored, { mayDeliver, onData, onClosed }: SessionEnd): Session {
  const session: Session = new Session(xenstored, {
    // As on a socket, an answer never comes before the call that asked has returned.
    onOutput: () =>
      queueMicrotask(() => {
        if (mayDeliver()) deliver(session, onData);
      }),
    onClosed,
  });
  return session;
}

/** Hands over what waits, which lets requests go on that waited for it. */
function deliver(session: Session, onData: (chunk: Uint8Array) => void): void {
  if (session.waitingBytes > 0) onData(session.takeOutput());
  session.proceed();
}

function transportOf(session: Session, close: () => void): Transport {
  let isOpen = true;
  return {
    send(message) {
      if (isOpen) session.receive(message);
    },
    setRef: () => undefined,
    close() {
      if (!isOpen) return;
      isOpen = false;
      close();
    },
  };
}
