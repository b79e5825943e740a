/** A daemon of Xen as an ordinary process, with made-up domains (packages/xenops-sim/native-oracle/xen-preload.c). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { XenStoreError } from '../errors.ts';
import { socketConnector } from '../xenstore/client/socket-transport.ts';
import type { Connector } from '../xenstore/client/transport.ts';
import { openSocketStore } from '../xenstore/open.ts';
import type { XenStore } from '../xenstore/xenstore.ts';
import type { StoreDomainState, StoreHost } from './xenstore-case.ts';
import type { OracleTools } from './xenstore-oracle-tools.ts';

/** Which of Xen's two daemons. */
export type OracleKind = 'xenstored' | 'oxenstored';

const LETTERS = { alive: 'a', shutdown: 's', dying: 'd', absent: 'x' } as const satisfies Record<
  StoreDomainState,
  string
>;

/** Characters of what a daemon says that an error quotes. */
const SAID_MAX = 1000;

/** The daemon, its socket, and the stand-in for Xen that makes domains come and go. Disposing ends the process. */
export class OracleHost implements StoreHost {
  readonly dom0: Connector;
  readonly socketPath: string;
  readonly #folder: string;
  readonly #daemon: ChildProcess;
  #hypervisor: Socket | undefined;

  /** Starts the daemon and waits until it listens. */
  static async start(kind: OracleKind, tools: OracleTools): Promise<OracleHost> {
    const folder = await mkdtemp(path.join(os.tmpdir(), `${kind}-`));
    const daemon = spawn(path.join(tools.binFolder, kind), await argumentsOf(kind, folder), {
      cwd: folder,
      env: {
        ...process.env,
        LD_PRELOAD: tools.preloadLibrary,
        XEN_PRELOAD_DIR: folder,
        XENSTORED_RUNDIR: folder,
        XENSTORED_ROOTDIR: folder,
        // A client in this process may have been told of another daemon.
        XENSTORED_PATH: path.join(folder, 'socket'),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const host = new OracleHost(folder, daemon);
    try {
      await listening(kind, daemon);
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
    return host;
  }

  private constructor(folder: string, daemon: ChildProcess) {
    this.#folder = folder;
    this.#daemon = daemon;
    this.socketPath = path.join(folder, 'socket');
    this.dom0 = socketConnector(this.socketPath);
  }

  guest(domid: number): Connector {
    return async (handlers) => {
      const socket = await this.#connect();
      const rest = await order(socket, 'g', domid);
      socket.on('data', handlers.onData);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => handlers.onClose());
      if (rest.length > 0) handlers.onData(rest);
      return {
        send: (message) => void socket.write(message),
        setRef: () => undefined,
        close: () => void socket.destroy(),
      };
    };
  }

  openStore(): Promise<XenStore> {
    return openSocketStore(this.socketPath);
  }

  async setDomain(domid: number, state: StoreDomainState): Promise<void> {
    this.#hypervisor ??= await this.#connect();
    await order(this.#hypervisor, LETTERS[state], domid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hypervisor?.destroy();
    if (this.#daemon.exitCode === null && this.#daemon.signalCode === null) {
      const ended = once(this.#daemon, 'exit');
      this.#daemon.kill('SIGKILL');
      await ended;
    }
    await rm(this.#folder, { recursive: true });
  }

  async #connect(): Promise<Socket> {
    const socket = createConnection(path.join(this.#folder, 'hypervisor'));
    await once(socket, 'connect');
    return socket;
  }
}

/** Waits until it says that it listens. Rejects with what it has said when it ends instead. */
async function listening(kind: OracleKind, daemon: ChildProcess): Promise<void> {
  let said = '';
  daemon.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('latin1')}`.slice(-SAID_MAX);
  });
  const ready = daemon.stdio[3];
  if (!(ready instanceof Readable)) throw unusable(`${kind} has no pipe to be ready on`);
  await Promise.race([
    once(ready, 'data'),
    once(daemon, 'close').then(([status]) => {
      throw unusable(`${kind} ended with ${String(status)} instead of listening: ${said.trim()}`);
    }),
  ]);
}

async function argumentsOf(kind: OracleKind, folder: string): Promise<readonly string[]> {
  const pidFile = path.join(folder, 'pid');
  if (kind === 'xenstored') return ['--no-fork', '--internal-db', `--pid-file=${pidFile}`];
  const config = path.join(folder, 'conf');
  const lines = [
    'persistent = false',
    'xenstored-kva = /proc/xen/xsd_kva',
    'xenstored-port = /proc/xen/xsd_port',
    'xenstored-log-file = /dev/null',
    'access-log-file = /dev/null',
    `pid-file = ${pidFile}`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return ['--no-fork', '--config-file', config];
}

/** Sends one request to the stand-in for Xen; gives what came behind its answer. */
async function order(socket: Socket, letter: string, domid: number): Promise<Buffer> {
  const request = Buffer.alloc(4);
  request.write(letter);
  request.writeUInt16LE(domid, 2);
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(request);
  const [answer] = await answered;
  if (answer.toString('latin1', 0, 1) !== letter) {
    throw unusable(`The stand-in for Xen has refused "${letter}" for domain ${domid}`);
  }
  return answer.subarray(1);
}

function unusable(message: string): XenStoreError {
  return new XenStoreError('XENSTORE_UNAVAILABLE', { message });
}
