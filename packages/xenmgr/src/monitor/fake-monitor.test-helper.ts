/** A monitor that says what a test tells it to, on real sockets. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** A request as it came. */
export interface SeenRequest {
  readonly socket: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Request {
  readonly id?: number;
  readonly method: string;
  readonly params: SeenRequest['params'];
}

type Answer = { readonly result: unknown } | { readonly error: unknown } | 'silence';

export class FakeMonitor implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  /** What is answered; the usual where it gives undefined. */
  answer: (request: SeenRequest) => Answer | undefined = () => undefined;
  /** What a subscription to a VM begins with: the members of events. */
  first: (uuid: string, from: unknown) => readonly object[] = () => [snapshot(1, 'shutdown')];
  position: { readonly epoch: string; readonly sequence: number } = { epoch: 'one', sequence: 1 };
  readonly #folder: string;
  readonly #servers = new Map<string, Server>();
  readonly #connections = new Map<string, Set<Socket>>();
  readonly #vms = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await this.#listen('control');
  }

  async addVm(uuid: string): Promise<void> {
    await this.#listen(`vm-${uuid}`);
    this.#vms.add(uuid);
    this.#send(
      'control',
      event({ kind: 'set', sequence: this.#vms.size, object: `vm/${uuid}`, value: {} }),
    );
  }

  /** Has something happen to a VM. */
  tell(uuid: string, item: object): void {
    this.#send(`vm-${uuid}`, event(item));
  }

  /** Sends any text to the clients of a socket. */
  sendText(name: string, text: string): void {
    this.#send(name, text);
  }

  /** Drops the connections of a socket. */
  drop(name: string): void {
    for (const socket of this.#connections.get(name) ?? []) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [name, server] of this.#servers) {
      const closed = once(server, 'close');
      server.close();
      this.drop(name);
      await closed;
    }
  }

  async #listen(name: string): Promise<void> {
    if (this.#servers.has(name)) return;
    const socketPath = path.join(this.#folder, name);
    await rm(socketPath, { force: true });
    const sockets = new Set<Socket>();
    this.#connections.set(name, sockets);
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
      createInterface({ input: socket })
        .on('line', (line) => this.#receive(name, socket, line))
        .on('error', () => undefined);
    });
    this.#servers.set(name, server);
    server.listen(socketPath);
    await once(server, 'listening');
  }

  #receive(name: string, socket: Socket, line: string): void {
    const { id, method, params } = JSON.parse(line) as Request;
    const request = { socket: name, method, params };
    this.seen.push(request);
    if (id === undefined) return;
    const answer = this.answer(request) ?? this.#usual(request);
    if (answer !== 'silence')
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`);
    if (method !== '$/subscribe' || answer === 'silence') return;
    const items = name === 'control' ? [this.#list()] : this.first(name.slice(3), params);
    for (const item of items) socket.write(event(item));
  }

  #usual({ socket, method, params }: SeenRequest): Answer {
    if (method === '$/subscribe') {
      return {
        result: socket === 'control' ? { epoch: 'c', sequence: this.#vms.size } : this.position,
      };
    }
    if (method === 'add') {
      const uuid = String(params['uuid']);
      void this.addVm(uuid);
      return { result: uuid };
    }
    return { result: method === 'get' ? '17' : null };
  }

  #list(): object {
    const objects = Object.fromEntries([...this.#vms].map((uuid) => [`vm/${uuid}`, {}]));
    return { kind: 'snapshot', epoch: 'c', sequence: this.#vms.size, objects };
  }

  #send(name: string, text: string): void {
    for (const socket of this.#connections.get(name) ?? []) socket.write(text);
  }
}

/** A VM as it is. */
export function snapshot(
  sequence: number,
  state: unknown,
  domid: unknown = null,
  epoch = 'one',
): object {
  return { kind: 'snapshot', epoch, sequence, objects: { vm: { state, domid } } };
}

/** A VM that is so now. */
export function change(sequence: number, state: unknown, domid: unknown = null): object {
  return { kind: 'set', sequence, object: 'vm', value: { state, domid } };
}

function event(params: object): string {
  return `${JSON.stringify({ jsonrpc: '2.0', method: '$/event', params })}\n`;
}
