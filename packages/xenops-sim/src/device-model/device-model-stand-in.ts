/**
 * A stand-in for a QEMU process: reads the words of its command line that a toolstack gives it, listens for QMP, says in
 * xenstore that it runs, and ends on a signal. By its temper it hangs or dies.
 */
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { XenStore } from '@xenops/core/xenstore';
import { LineReader } from '../rpc/line-reader.ts';
import type { ProcessSpec } from '@xenops/core/host';
import type { SimProgram } from '../services/sim-host-services.ts';
import { loadState, QMP_COMMANDS, QmpRefusal, type ModelState } from './qmp-commands.ts';

export interface StandInOptions {
  readonly store: XenStore;
  /** `hang-start` never says that it runs; `die-start` ends at once; `deaf` reads commands and never answers. */
  readonly failure?: 'hang-start' | 'die-start' | 'deaf' | undefined;
  /** Makes the tap device of an emulated card, or takes it away. */
  readonly onTap?: (link: string, isPresent: boolean) => void;
  /** Takes its end's reports. */
  readonly log: (text: string) => void;
}

const COMMAND_BYTES_MAX = 1 << 20;
const FIRST_VNC_PORT = 5900;
const STATUS_FAILED = 1;
const STATUS_KILLED = -1;

/** Starts one. */
export function startStandIn(spec: ProcessSpec, options: StandInOptions): SimProgram {
  const model = new StandIn(spec, options);
  return { exited: model.exited, signal: (signal) => model.signal(signal) };
}

class StandIn {
  readonly exited: Promise<number>;
  readonly #options: StandInOptions;
  readonly #state: ModelState;
  readonly #sockets = new Set<Socket>();
  readonly #domid: string;
  readonly #socketPaths: readonly string[];
  readonly #taps: readonly string[];
  /** It has lost xenstore by the time it runs. */
  readonly #isRestricted: boolean;
  #servers: readonly Server[] = [];
  readonly #over = new AbortController();
  #exit: (status: number) => void = () => undefined;

  constructor({ args, inputs }: ProcessSpec, options: StandInOptions) {
    this.#options = options;
    const after = (word: string): string | undefined => args[args.indexOf(word) + 1];
    this.#domid = after('-xen-domid') ?? '';
    this.#socketPaths = args.flatMap((word) => /^socket,.*?\bpath=([^,]+)/.exec(word)?.[1] ?? []);
    this.#taps = args.flatMap((word) => /^type=tap,.*?\bifname=([^,]+)/.exec(word)?.[1] ?? []);
    this.#isRestricted = args.includes('-xen-domid-restrict');
    const vnc = args.includes('-vnc') ? after('-vnc') : undefined;
    const display = /^(?<host>[^:]*):(?<display>[0-9]+)/.exec(vnc ?? '')?.groups;
    this.#state = {
      name: after('-name') ?? '',
      root: args.includes('-chroot') ? (after('-chroot') ?? '') : '',
      isRunning: !args.includes('-S'),
      devices: new Map(),
      media: new Map(),
      vnc:
        display === undefined
          ? undefined
          : { host: display['host'] ?? '', port: FIRST_VNC_PORT + Number(display['display']) },
      vncPassword: undefined,
      isTracking: false,
    };
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    const stateFd = /^fd:(?<fd>[0-9]+)$/.exec(after('-incoming') ?? '')?.groups?.['fd'];
    this.#start(stateFd === undefined ? undefined : inputs?.[Number(stateFd)]).catch(
      (error: unknown) => {
        options.log(`${String(error)}\n`);
        this.#end(STATUS_FAILED);
      },
    );
  }

  signal(signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'): void {
    this.#end(signal === 'SIGKILL' ? STATUS_KILLED : 0);
  }

  async #start(stateFile: string | undefined): Promise<void> {
    const { store, failure, log } = this.#options;
    if (failure === 'die-start') {
      log('simulated: cannot start\n');
      this.#end(STATUS_FAILED);
      return;
    }
    for (const tap of this.#taps) this.#options.onTap?.(tap, true);
    if (stateFile !== undefined) await loadState(this.#state, stateFile);
    await Promise.all(this.#socketPaths.map((path) => rm(path, { force: true })));
    if (this.#hasEnded()) return;
    this.#servers = await Promise.all(this.#socketPaths.map((path) => this.#listen(path)));
    // Ended while it was starting: a dead process says nothing.
    if (this.#hasEnded()) {
      for (const server of this.#servers) server.close();
      return;
    }
    if (failure === 'hang-start' || this.#isRestricted) return;
    await store.write(`/local/domain/0/device-model/${this.#domid}/state`, 'running');
  }

  /** Listens as one monitor. */
  async #listen(socketPath: string): Promise<Server> {
    const waiting: Socket[] = [];
    let isBusy = false;
    // A monitor of qemu serves one client; the next is greeted when that has hung up.
    const serveNext = (): void => {
      if (isBusy) return;
      const next = waiting.shift();
      if (next === undefined) return;
      if (next.destroyed) {
        serveNext();
        return;
      }
      isBusy = true;
      next.once('close', () => {
        isBusy = false;
        serveNext();
      });
      this.#serve(next);
    };
    const server = createServer((socket) => {
      waiting.push(socket);
      serveNext();
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, resolve);
    });
    server.unref();
    return server;
  }

  #serve(socket: Socket): void {
    const reader = new LineReader(COMMAND_BYTES_MAX);
    this.#sockets.add(socket);
    socket.unref();
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const version = { qemu: { major: 7, minor: 2, micro: 0 }, package: 'simulated' };
    send(socket, { QMP: { version, capabilities: [] } });
    socket.on('data', (chunk: Buffer) => {
      const lines = reader.push(chunk);
      if (lines === undefined) socket.destroy();
      else if (this.#options.failure !== 'deaf') {
        for (const line of lines) if (line.trim() !== '') void this.#answer(socket, line);
      }
    });
  }

  /** Answers a command; never rejects. */
  async #answer(socket: Socket, line: string): Promise<void> {
    let id: unknown;
    try {
      // Another program's words, checked as they are used.
      const request = JSON.parse(line) as Readonly<Record<string, unknown>>;
      id = request['id'];
      const command = QMP_COMMANDS[String(request['execute'])];
      if (command === undefined) {
        throw new QmpRefusal(
          'CommandNotFound',
          `The command ${String(request['execute'])} has not been found`,
        );
      }
      const args = (request['arguments'] ?? {}) as Readonly<Record<string, unknown>>;
      const tell = (event: string, data: Readonly<Record<string, unknown>> = {}): void => {
        for (const other of this.#sockets) send(other, { event, data });
      };
      send(socket, { return: await command(this.#state, args, tell), id });
    } catch (error) {
      const refusal =
        error instanceof QmpRefusal ? error : new QmpRefusal('GenericError', String(error));
      send(socket, { error: { class: refusal.kind, desc: refusal.message }, id });
    }
  }

  #hasEnded(): boolean {
    return this.#over.signal.aborted;
  }

  #end(status: number): void {
    this.#over.abort();
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const tap of this.#taps) this.#options.onTap?.(tap, false);
    this.#exit(status);
  }
}

function send(socket: Socket, message: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}
