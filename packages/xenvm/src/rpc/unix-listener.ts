/**
 * A unix socket for root and one group. It appears whole: bound under another name, restricted, then renamed. One left
 * behind is taken over only when nobody listens on it; two daemons for one VM are kept apart by `uuid-lock.ts`.
 */
import { chmod, chown, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { ConnectError } from '@xenops/core/errors';
import { BACKLOG } from './limits.ts';

/** Longest path that a unix socket takes on Linux (`sun_path`, with the terminator). */
const SOCKET_PATH_BYTES_MAX = 107;
const ROOT_ONLY = { socketMode: 0o600, folderMode: 0o700 };
const WITH_GROUP = { socketMode: 0o660, folderMode: 0o750 };

/** Where to listen, and who may connect besides us. */
export interface ListenOptions {
  readonly socketPath: string;
  /** Its members may connect; without one only our own user. */
  readonly gid?: number | undefined;
  /** Unsent bytes of a connection from which on `write` says that it is full. */
  readonly unsentBytesHigh: number;
  readonly accept: (socket: Socket) => void;
}

/** Stops listening and removes the socket; does not wait for connections. */
export interface UnixListener {
  close(): Promise<void>;
}

/** Listens. Rejects with CONNECT_FAILED when somebody else does there, or something else has that name. */
export async function listenOn(options: ListenOptions): Promise<UnixListener> {
  const { socketPath, gid, unsentBytesHigh, accept } = options;
  const { socketMode, folderMode } = gid === undefined ? ROOT_ONLY : WITH_GROUP;
  await makeFolder(path.dirname(socketPath), folderMode, gid);
  await refuseTaken(socketPath);
  const draft = `${socketPath}.${process.pid}`;
  checkLength(draft);
  await rm(draft, { force: true });
  // A client that has said everything may still wait for its answer.
  const server = createServer({ allowHalfOpen: true, highWaterMark: unsentBytesHigh }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: draft, backlog: BACKLOG }, resolve);
  });
  server.removeAllListeners('error');
  // Accepting can fail for want of descriptors; the client sees a closed connection and we go on.
  server.on('error', () => undefined);
  await chmod(draft, socketMode);
  if (gid !== undefined) await chown(draft, -1, gid);
  await rename(draft, socketPath);
  return {
    async close() {
      // Node removes the name it has bound, not the one that the socket has now.
      await rm(socketPath, { force: true });
      server.close();
    },
  };
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

/** Makes a folder where only we can make names. One that is there is left as it is, if it is safe. */
export async function makeFolder(folder: string, mode: number, gid?: number): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    if (gid !== undefined) await chown(folder, -1, gid);
    await chmod(folder, mode);
  }
  const found = await lstat(folder);
  const isOurs = found.isDirectory() && found.uid === process.getuid?.();
  if (isOurs && (found.mode & 0o022) === 0) return;
  throw new ConnectError('CONNECT_FAILED', {
    message: `${folder} must be a folder of this user that nobody else can write to`,
    context: { path: folder, uid: found.uid, mode: found.mode & 0o7777 },
  });
}

async function refuseTaken(socketPath: string): Promise<void> {
  const found = await lstat(socketPath).catch(() => undefined);
  if (found === undefined) return;
  if (found.isSocket() && !(await answers(socketPath))) return;
  throw new ConnectError('CONNECT_FAILED', {
    message: found.isSocket()
      ? `Another process listens on ${socketPath} already`
      : `${socketPath} is in the way of a socket and is none`,
    context: { path: socketPath },
  });
}

function checkLength(socketPath: string): void {
  if (Buffer.byteLength(socketPath) <= SOCKET_PATH_BYTES_MAX) return;
  throw new ConnectError('CONNECT_FAILED', {
    message: `The path of a socket takes at most ${SOCKET_PATH_BYTES_MAX} bytes: choose a shorter folder than ${path.dirname(socketPath)}`,
    context: { path: socketPath },
  });
}
