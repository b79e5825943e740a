import { createConnection, type Socket } from 'node:net';
import { ConnectError } from '@xenops/core/errors';
import { withDeadline } from '@xenops/core/lifetime';

/** How long to wait, and what calls it off. */
export interface OpenOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Connects. Rejects with CONNECT_FAILED, TIMEOUT or ABORTED. */
export async function openSocket(socketPath: string, options: OpenOptions): Promise<Socket> {
  return withDeadline({ what: `the monitor at ${socketPath}` }, options, (signal) => {
    const socket = createConnection({ path: socketPath });
    signal.addEventListener('abort', () => socket.destroy());
    return new Promise<Socket>((resolve, reject) => {
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(socket);
      });
      socket.once('error', (cause) => reject(notThere(socketPath, cause)));
    });
  });
}

/** Nobody listens there, or went away. */
export function notThere(socketPath: string, cause?: unknown): ConnectError {
  return new ConnectError('CONNECT_FAILED', {
    message: `No monitor answers on ${socketPath}`,
    context: { path: socketPath },
    cause,
  });
}
