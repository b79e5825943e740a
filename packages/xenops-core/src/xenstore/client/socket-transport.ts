import { createConnection, type Socket } from 'node:net';
import { XenStoreError } from '../../errors.ts';
import { systemClock } from '../../host/clock.ts';
import { CONNECT_ATTEMPTS_MAX, CONNECT_PAUSE_MS } from '../limits.ts';
import type { Connector, Transport, TransportHandlers } from './transport.ts';

/** Where Xen's own daemons listen (docs/man/xenstore; Debian's build). */
export const DEFAULT_SOCKET_PATH = '/run/xenstored/socket';

/**
 * Read at once; each connection has such a buffer, and a monitor one connection for each VM. The pieces that are handed on
 * are as large as what came.
 */
const READ_BYTES = 16_384;

/** A connector to the unix socket of a xenstored. Requests of one turn of the event loop leave in one write. */
export function socketConnector(socketPath: string): Connector {
  return (handlers) => connectSocket(socketPath, handlers);
}

async function connectSocket(path: string, handlers: TransportHandlers): Promise<Transport> {
  const socket = await openSocket(path, handlers.onData);
  let failure: Error | undefined;
  socket.on('error', (error) => (failure = error));
  socket.once('close', () => handlers.onClose(failure));
  // Without this the end of the stream is never seen: nobody reads it but the call-back.
  socket.resume();

  let waiting: Buffer[] = [];
  const flush = (): void => {
    const [first] = waiting;
    if (first === undefined) return;
    // Joined here, because each write to a stream costs far more than the copy of a small message.
    socket.write(waiting.length === 1 ? first : Buffer.concat(waiting));
    waiting = [];
  };
  return {
    send(message) {
      if (waiting.push(message) === 1) process.nextTick(flush);
    },
    setRef(keepAlive) {
      if (keepAlive) socket.ref();
      else socket.unref();
    },
    close: () => void socket.destroy(),
  };
}

/** Connects, and again after a while when the daemon's queue of new connections is full, as long as that may last. */
async function openSocket(path: string, onData: TransportHandlers['onData']): Promise<Socket> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryConnect(path, onData);
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

/** Data comes past the stream's queue of buffers, which costs a request as much as all the rest of it. */
function tryConnect(path: string, onData: TransportHandlers['onData']): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onread = {
      buffer: Buffer.allocUnsafe(READ_BYTES),
      callback(count: number, buffer: Uint8Array): boolean {
        // A copy, because the buffer is read into again.
        onData(Buffer.from(buffer.subarray(0, count)));
        return true;
      },
    };
    const socket = createConnection({ path, onread });
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
