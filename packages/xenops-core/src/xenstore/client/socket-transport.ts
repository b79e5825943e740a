import { createConnection, type Socket } from 'node:net';
import { XenStoreError } from '../../errors.ts';
import { systemClock } from '../../host/clock.ts';
import { CONNECT_ATTEMPTS_MAX, CONNECT_PAUSE_MS } from '../limits.ts';
import type { Connector, Transport, TransportHandlers } from './transport.ts';

/** Where Xen's own daemons listen (docs/man/xenstore; Debian's build). */
export const DEFAULT_SOCKET_PATH = '/run/xenstored/socket';

/** A connector to the unix socket of a xenstored. Requests of one turn of the event loop leave in one write. */
export function socketConnector(socketPath: string): Connector {
  return (handlers) => connectSocket(socketPath, handlers);
}

async function connectSocket(path: string, handlers: TransportHandlers): Promise<Transport> {
  const socket = await openSocket(path);
  let failure: Error | undefined;
  socket.on('data', handlers.onData);
  socket.on('error', (error) => (failure = error));
  socket.once('close', () => handlers.onClose(failure));

  let corked = false;
  return {
    send(message) {
      if (!corked) {
        corked = true;
        socket.cork();
        process.nextTick(() => {
          corked = false;
          socket.uncork();
        });
      }
      socket.write(message);
    },
    setRef(keepAlive) {
      if (keepAlive) socket.ref();
      else socket.unref();
    },
    close: () => void socket.destroy(),
  };
}

/** Connects, and again after a while when the daemon's queue of new connections is full, as long as that may last. */
async function openSocket(path: string): Promise<Socket> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryConnect(path);
    } catch (cause) {
      if (attempt === CONNECT_ATTEMPTS_MAX || !isQueueFull(cause)) {
        throw new XenStoreError('XENSTORE_UNAVAILABLE', {
          message: `No xenstored answers on ${path}`,
          context: { path },
          cause,
        });
      }
      const pauseMs = CONNECT_PAUSE_MS * attempt;
      await new Promise<void>((resolve) => void systemClock.startTimer(pauseMs, resolve));
    }
  }
}

function tryConnect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Xen's daemons listen with a queue of one: a second client at the same moment is told to come again. */
function isQueueFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
