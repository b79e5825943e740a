import { createConnection } from 'node:net';
import { XenStoreError } from '../../errors.ts';
import type { Connector, Transport, TransportHandlers } from './transport.ts';

/** Where Xen's own daemons listen (docs/man/xenstore; Debian's build). */
export const DEFAULT_SOCKET_PATH = '/run/xenstored/socket';

/** A connector to the unix socket of a xenstored. Requests of one turn of the event loop leave in one write. */
export function socketConnector(socketPath: string): Connector {
  return (handlers) => connectSocket(socketPath, handlers);
}

async function connectSocket(path: string, handlers: TransportHandlers): Promise<Transport> {
  const socket = createConnection({ path });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (cause) => {
      reject(
        new XenStoreError('XENSTORE_UNAVAILABLE', {
          message: `No xenstored answers on ${path}`,
          context: { path },
          cause,
        }),
      );
    });
  });
  let failure: Error | undefined;
  socket.removeAllListeners('error');
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
