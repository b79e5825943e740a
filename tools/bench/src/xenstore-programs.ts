/** The programs of the xenstore benchmark: clients that put load on a socket, and servers behind one. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { socketConnector, type Transport } from '@xenops/core/xenstore';

const run = promisify(execFile);
const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));
const PEER_SOURCE = path.join(WORKSPACE, 'tools/bench/peers/xenstore-peer.c');
const LOAD = fileURLToPath(new URL('xenstore-load.js', import.meta.url));
const XENSIMD = path.join(WORKSPACE, 'packages/xenops-sim/bin/xensimd.js');

/** What a client has measured of itself. */
export interface Load {
  readonly perSecond: number;
  readonly medianUs: number;
  readonly p99Us: number;
}

/** Runs a client once. */
export type Client = (...words: readonly (string | number)[]) => Promise<Load>;

/** The client in C, compiled anew; its words are those at the top of its source. */
export async function compilePeer(): Promise<Client> {
  const folder = path.join(WORKSPACE, '.cache/bench');
  await mkdir(folder, { recursive: true });
  const program = path.join(folder, 'xenstore-peer');
  await run('gcc', ['-O2', '-Wall', '-o', program, PEER_SOURCE, '-lxenstore']);
  return async (...words) => parseLoad((await run(program, words.map(String))).stdout);
}

/** Our client: transport, socket, operation, count, window. */
export const ourClient: Client = async (transport, socketPath, ...words) => {
  const { stdout } = await run(
    process.execPath,
    [LOAD, String(transport), String(socketPath), ...words.map(String)],
    { env: { ...process.env, XENSTORED_PATH: String(socketPath) } },
  );
  return parseLoad(stdout);
};

function parseLoad(text: string): Load {
  const [perSecond = NaN, medianUs = NaN, p99Us = NaN] = text.trim().split(' ').map(Number);
  if (Number.isNaN(perSecond + medianUs + p99Us)) throw new Error(`A client printed "${text}"`);
  return { perSecond, medianUs, p99Us };
}

/** A server of xenstore in a process of its own. */
export interface Server extends AsyncDisposable {
  readonly socketPath: string;
}

/** The embedded server, as `xensimd`. */
export async function startEmbedded(): Promise<Server> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'bench-xensimd-'));
  const daemon = spawn(process.execPath, [XENSIMD, '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(daemon.stdout, 'data');
  return {
    socketPath: path.join(folder, 'xenstored/socket'),
    async [Symbol.asyncDispose]() {
      const ended = once(daemon, 'exit');
      daemon.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Connections that do nothing, for as long as they are not disposed of. */
export async function holdIdle(socketPath: string, count: number): Promise<Disposable> {
  const connect = socketConnector(socketPath);
  const held: Transport[] = [];
  // One after another: the queue of Xen's daemons takes a single connection.
  for (let i = 0; i < count; i += 1) {
    held.push(await connect({ onData: () => undefined, onClose: () => undefined }));
  }
  return {
    [Symbol.dispose]() {
      for (const transport of held) transport.close();
    },
  };
}
