/** The hypervisor on a unix socket. A malformed message closes its connection and touches no other. */
import type { Socket } from 'node:net';
import { AbortedError } from '@xenops/core/errors';
import type { Progress } from '@xenops/core/hypervisor';
import type { SimHypervisor } from '../hypervisor/sim-hypervisor.ts';
import { anyVerb, VERBS } from '../hypervisor/verbs.ts';
import { listenPrivately } from '../sockets/private-listener.ts';
import { decodeError, encodeError } from './error-codec.ts';
import { isMachineVerb, machineCall, type MachineCalls } from './machine-verbs.ts';
import { LineReader, REQUEST_BYTES_MAX } from './line-reader.ts';
import {
  encodeMessage,
  findClientMessage,
  type ClientMessage,
  type RemoteFunction,
  type ServerMessage,
} from './messages.ts';

export interface HypervisorListener extends AsyncDisposable {
  readonly connectionCount: number;
}

export interface HypervisorListenerOptions {
  /** A handle of its own for each client. */
  readonly openHypervisor: () => SimHypervisor;
  /** Of the simulated Dom0. */
  readonly machine: MachineCalls;
  readonly socketPath: string;
  /** Called when a client has come or gone. */
  readonly onConnections?: () => void;
}

/** Listens. Rejects with CONNECT_FAILED when somebody else listens there already. */
export async function listenForHypervisorClients(
  options: HypervisorListenerOptions,
): Promise<HypervisorListener> {
  const { openHypervisor, machine, socketPath, onConnections = () => undefined } = options;
  const sockets = new Set<Socket>();
  const listener = await listenPrivately(socketPath, (socket) => {
    sockets.add(socket);
    onConnections();
    socket.once('close', () => {
      sockets.delete(socket);
      onConnections();
    });
    serve(socket, openHypervisor(), machine);
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

function serve(socket: Socket, hypervisor: SimHypervisor, machine: MachineCalls): void {
  const client = new Client(socket, hypervisor, machine);
  const reader = new LineReader(REQUEST_BYTES_MAX);
  socket.on('data', (chunk: Buffer) => {
    const lines = reader.push(chunk);
    socket.cork();
    if (lines?.every((line) => client.receive(line)) !== true) socket.destroy();
    process.nextTick(() => socket.uncork());
  });
  // What a broken connection means is said by 'close', which follows.
  socket.on('error', () => socket.destroy());
  socket.once('close', () => client.close());
}

/** What waits for the client's answer to a question. */
interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One connection: its calls under way, and the questions back to it. */
class Client {
  readonly #socket: Socket;
  readonly #hypervisor: SimHypervisor;
  readonly #machine: MachineCalls;
  /** Calls without an answer yet, by id. */
  readonly #underWay = new Map<number, AbortController>();
  readonly #questions = new Map<number, Question>();
  #nextQuestion = 1;

  constructor(socket: Socket, hypervisor: SimHypervisor, machine: MachineCalls) {
    this.#socket = socket;
    this.#hypervisor = hypervisor;
    this.#machine = machine;
  }

  /** Does what a line says; whether it is one of a client. */
  receive(line: string): boolean {
    const message = findClientMessage(line, (fn) => this.#functionOf(fn));
    switch (message?.kind) {
      case undefined:
        return false;
      case 'abort':
        this.#underWay.get(message.id)?.abort();
        return true;
      case 'answer':
        this.#takeQuestion(message.id)?.resolve(message.value);
        return true;
      case 'refusal':
        this.#takeQuestion(message.id)?.reject(decodeError(message.error));
        return true;
      case 'call':
        this.#answer(message);
        return true;
    }
  }

  close(): void {
    for (const call of this.#underWay.values()) call.abort();
    const gone = new AbortedError({ message: 'The client of the simulated hypervisor has gone' });
    for (const { reject } of this.#questions.values()) reject(gone);
    this.#questions.clear();
  }

  /** Calls the verb and sends its outcome; nothing is left to wait for. */
  #answer({ id, verb, args }: ClientMessage & { kind: 'call' }): void {
    const abort = new AbortController();
    this.#underWay.set(id, abort);
    const long = {
      signal: abort.signal,
      onProgress: (progress: Progress) => this.#send({ kind: 'progress', id, progress }),
    };
    const run = async (): Promise<unknown> =>
      isMachineVerb(verb)
        ? machineCall(this.#machine, verb, abort.signal)(...args)
        : anyVerb(this.#hypervisor, verb)(...args, ...(VERBS[verb] === 'long' ? [long] : []));
    run()
      .then(
        (value) => this.#send({ kind: 'result', id, value }),
        (error: unknown) => this.#send({ kind: 'failure', id, error: encodeError(error) }),
      )
      .finally(() => this.#underWay.delete(id));
  }

  /** What stands here for a function of the client. */
  #functionOf(fn: number): RemoteFunction {
    return (...args) =>
      new Promise<unknown>((resolve, reject) => {
        const id = this.#nextQuestion;
        this.#nextQuestion += 1;
        this.#questions.set(id, { resolve, reject });
        this.#send({ kind: 'ask', id, fn, args });
      });
  }

  #takeQuestion(id: number): Question | undefined {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    return question;
  }

  #send(message: ServerMessage): void {
    if (this.#socket.writable) this.#socket.write(encodeMessage(message));
  }
}
