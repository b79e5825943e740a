/** The hypervisor on a unix socket. A malformed message closes its connection and touches no other. */
import type { Socket } from 'node:net';
import type { Hypervisor, Progress } from '@xenops/core/hypervisor';
import { listenPrivately } from '../sockets/private-listener.ts';
import { encodeError } from './error-codec.ts';
import { LineReader, REQUEST_BYTES_MAX } from './line-reader.ts';
import {
  encodeMessage,
  findClientMessage,
  VERBS,
  type ClientMessage,
  type ServerMessage,
  type Verb,
} from './messages.ts';

export interface HypervisorListener extends AsyncDisposable {
  readonly connectionCount: number;
}

export interface HypervisorListenerOptions {
  /** A handle of its own for each client. */
  readonly openHypervisor: () => Hypervisor;
  readonly socketPath: string;
  /** Called when a client has come or gone. */
  readonly onConnections?: () => void;
}

/** Listens. Rejects with CONNECT_FAILED when somebody else listens there already. */
export async function listenForHypervisorClients(
  options: HypervisorListenerOptions,
): Promise<HypervisorListener> {
  const { openHypervisor, socketPath, onConnections = () => undefined } = options;
  const sockets = new Set<Socket>();
  const listener = await listenPrivately(socketPath, (socket) => {
    sockets.add(socket);
    onConnections();
    socket.once('close', () => {
      sockets.delete(socket);
      onConnections();
    });
    serve(socket, openHypervisor());
  });
  return {
    get connectionCount() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      const closed = listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function serve(socket: Socket, hypervisor: Hypervisor): void {
  const reader = new LineReader(REQUEST_BYTES_MAX);
  const underWay = new Map<number, AbortController>();
  const send = (message: ServerMessage): void => {
    if (socket.writable) socket.write(encodeMessage(message));
  };
  socket.on('data', (chunk: Buffer) => {
    const messages = reader.push(chunk)?.map(findClientMessage);
    if (messages === undefined || messages.includes(undefined)) {
      socket.destroy();
      return;
    }
    socket.cork();
    for (const message of messages) {
      if (message?.kind === 'abort') underWay.get(message.id)?.abort();
      else if (message !== undefined) answer(message, { hypervisor, underWay, send });
    }
    process.nextTick(() => socket.uncork());
  });
  // What a broken connection means is said by 'close', which follows.
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    for (const call of underWay.values()) call.abort();
  });
}

/** The hypervisor as a caller sees it who knows the arguments only at run time. */
type Verbs = Readonly<Record<Verb, (...args: readonly unknown[]) => unknown>>;

interface Serving {
  readonly hypervisor: Hypervisor;
  /** Calls without an answer yet, by id. */
  readonly underWay: Map<number, AbortController>;
  readonly send: (message: ServerMessage) => void;
}

/** Calls the verb and sends its outcome; nothing is left to wait for. */
function answer(call: ClientMessage & { kind: 'call' }, serving: Serving): void {
  const { id, verb, args } = call;
  const { hypervisor, underWay, send } = serving;
  const abort = new AbortController();
  underWay.set(id, abort);
  const long = {
    signal: abort.signal,
    onProgress: (progress: Progress) => send({ kind: 'progress', id, progress }),
  };
  const run = async (): Promise<unknown> =>
    // The client's arguments have the types of the interface, which is also the client's.
    (hypervisor as unknown as Verbs)[verb](...args, ...(VERBS[verb] === 'long' ? [long] : []));
  run()
    .then(
      (value) => send({ kind: 'result', id, value }),
      (error: unknown) => send({ kind: 'failure', id, error: encodeError(error) }),
    )
    .finally(() => underWay.delete(id));
}
