/** Unix sockets for one user: in a folder of mode 0700, mode 0600 themselves, and never two listeners on one path. */
import { chmod, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { ConnectError } from '@xenops/core/errors';

/** Longest path that a unix socket takes on Linux (`sun_path`, with the terminator). */
const SOCKET_PATH_BYTES_MAX = 107;

/** Connections that may wait to be accepted; the kernel bounds it further (net.core.somaxconn). */
const BACKLOG = 1024;

export interface PrivateListener {
  readonly socketPath: string;
  /** Stops listening and removes the socket; resolves when the last connection is closed, by its owner. */
  close(): Promise<void>;
}

/**
 * A listener on that path. The socket appears there at once and whole: it is bound under another name, restricted, and
 * renamed. One left behind by a dead process is replaced. Rejects with CONNECT_FAILED when somebody answers there.
 */
export async function listenPrivately(
  socketPath: string,
  accept: (socket: Socket) => void,
): Promise<PrivateListener> {
  await makePrivateFolder(path.dirname(socketPath));
  if (await answers(socketPath)) {
    throw new ConnectError('CONNECT_FAILED', {
      message: `Another process listens on ${socketPath} already`,
      context: { path: socketPath },
    });
  }
  const temporary = `${socketPath}.${process.pid}`;
  checkLength(temporary);
  await rm(temporary, { force: true });
  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: temporary, backlog: BACKLOG }, resolve);
  });
  server.removeAllListeners('error');
  await chmod(temporary, 0o600);
  await rename(temporary, socketPath);
  return {
    socketPath,
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      // Node removes the name it has bound, not the one that the socket has now.
      await rm(socketPath, { force: true });
      await closed;
    },
  };
}

/**
 * Makes a folder that only we can write to. One that is there is left as it is: it may be the user's own. Rejects with
 * CONNECT_FAILED when others own it or can write to it.
 */
export async function makeOwnFolder(folder: string): Promise<void> {
  const mode = await makeFolder(folder);
  if ((mode & 0o022) === 0) return;
  throw new ConnectError('CONNECT_FAILED', {
    message: `Others can write to ${folder}: choose a folder for this user alone (chmod 700)`,
    context: { path: folder, mode: mode & 0o7777 },
  });
}

/** Makes a folder of our own that nobody else can enter. Rejects with CONNECT_FAILED when others own it. */
async function makePrivateFolder(folder: string): Promise<void> {
  const mode = await makeFolder(folder);
  if ((mode & 0o077) !== 0) await chmod(folder, 0o700);
}

async function makeFolder(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === process.getuid?.()) return found.mode;
  throw new ConnectError('CONNECT_FAILED', {
    message: `${folder} must be a folder that belongs to the user of this process`,
    context: { path: folder, uid: found.uid },
  });
}

/** Whether somebody listens on the socket. */
export async function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path: socketPath });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function checkLength(socketPath: string): void {
  if (Buffer.byteLength(socketPath) <= SOCKET_PATH_BYTES_MAX) return;
  throw new ConnectError('CONNECT_FAILED', {
    message: `The path of a socket takes at most ${SOCKET_PATH_BYTES_MAX} bytes: choose a shorter folder than ${path.dirname(socketPath)}`,
    context: { path: socketPath },
  });
}
