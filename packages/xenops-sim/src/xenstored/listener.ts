/**
 * xenstored on a unix socket; every client is privileged, as on a real host, so the socket is for its owner alone. One
 * read may hold many requests; their replies, and the events of all of them, leave with one write for each client.
 */
import type { Socket } from 'node:net';
import { listenPrivately } from '../sockets/private-listener.ts';
import { OUTPUT_DROP_BYTES, OUTPUT_PAUSE_BYTES } from './limits.ts';
import { Session } from './session.ts';
import type { Xenstored } from './xenstored.ts';

export interface XenstoredListener extends AsyncDisposable {
  readonly socketPath: string;
  readonly connectionCount: number;
}

export interface ListenerOptions {
  readonly xenstored: Xenstored;
  readonly socketPath: string;
  /** Called when a client has come or gone. */
  readonly onConnections?: () => void;
}

/** Listens. Rejects with CONNECT_FAILED when somebody else listens there already. */
export async function listenForStoreClients(options: ListenerOptions): Promise<XenstoredListener> {
  const clients = new Set<Client>();
  const unsent = new UnsentClients();
  const { xenstored, onConnections = () => undefined } = options;
  const accept = (socket: Socket): void => {
    const client = new Client(xenstored, socket, unsent);
    clients.add(client);
    onConnections();
    socket.once('close', () => {
      clients.delete(client);
      client.end();
      onConnections();
    });
  };
  const listener = await listenPrivately(options.socketPath, accept);
  return {
    socketPath: options.socketPath,
    get connectionCount() {
      return clients.size;
    },
    async [Symbol.asyncDispose]() {
      const closed = listener.close();
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

/**
 * Who has output that is not handed to the kernel yet. It is sent when the requests that came in one piece are all
 * answered, or at the end of the turn when something else than a request has made it.
 */
class UnsentClients {
  readonly #clients = new Set<Client>();
  #isScheduled = false;
  #isBatch = false;

  add(client: Client): void {
    this.#clients.add(client);
    if (this.#isBatch || this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  /** Runs what answers requests, and sends all that it has made. */
  batch(answer: () => void): void {
    this.#isBatch = true;
    try {
      answer();
    } finally {
      this.#isBatch = false;
      this.#send();
    }
  }

  #send(): void {
    for (const client of this.#clients) client.send();
    this.#clients.clear();
  }
}

class Client {
  readonly #socket: Socket;
  readonly #session: Session;
  /** The kernel takes no more; output waits in the session, where events are merged. */
  #isBlocked = false;

  constructor(xenstored: Xenstored, socket: Socket, unsent: UnsentClients) {
    this.#socket = socket;
    const session: Session = new Session(xenstored, {
      onOutput: () => unsent.add(this),
      onClosed: () => socket.destroy(),
    });
    this.#session = session;
    session.bind(xenstored.connect(session));
    socket.on('data', (chunk) => unsent.batch(() => session.receive(chunk)));
    socket.on('drain', () => {
      this.#isBlocked = false;
      socket.resume();
      this.send();
    });
    // What a broken connection means is said by 'close', which follows.
    socket.on('error', () => socket.destroy());
  }

  send(): void {
    const bytes = this.#session.waitingBytes;
    if (bytes === 0) return;
    if (!this.#isBlocked) {
      this.#session.sendOutput(this.#write);
    } else if (bytes >= OUTPUT_DROP_BYTES) {
      this.#socket.destroy();
    } else if (bytes >= OUTPUT_PAUSE_BYTES) {
      this.#socket.pause();
    }
  }

  end(): void {
    this.#session.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Whether the kernel has taken all of it already, as it mostly has. */
  readonly #write = (piece: Buffer): boolean => {
    this.#isBlocked = !this.#socket.write(piece);
    return this.#socket.writableLength === 0;
  };
}
