/** A client that sends bytes, well-formed or not, and keeps what it gets. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder for sockets, removed in the end. */
export async function makeTestFolder(): Promise<{ readonly folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenvm-'));
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** See the module comment. */
export class TestClient implements Disposable {
  readonly socket: Socket;
  #text = '';
  #onText: () => void = () => undefined;
  readonly ended: Promise<string>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString();
      this.#onText();
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => resolve(this.#text));
    });
  }

  static async connect(socketPath: string): Promise<TestClient> {
    const socket = createConnection({ path: socketPath });
    const client = new TestClient(socket);
    await once(socket, 'connect');
    return client;
  }

  send(message: string | Uint8Array | object): void {
    const isBytes = typeof message === 'string' || message instanceof Uint8Array;
    this.socket.write(isBytes ? message : `${JSON.stringify(message)}\n`);
  }

  /** The next line, parsed. */
  async next(): Promise<Record<string, unknown>> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return JSON.parse(line) as Record<string, unknown>;
      }
      await new Promise<void>((resolve, reject) => {
        this.#onText = resolve;
        void this.ended.then(() => reject(new Error('The connection has ended')));
      });
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
