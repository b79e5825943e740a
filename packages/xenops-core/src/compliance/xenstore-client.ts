/**
 * A client of xenstored for the suite: one request, one answer as text, and the events in between. It sends what it is
 * told to, malformed or not, and judges nothing.
 */
import { ProtocolError, XenStoreError } from '../errors.ts';
import { withDeadline } from '../lifetime/deadline.ts';
import type { Connector, Transport } from '../xenstore/client/transport.ts';
import { encodeFrame, FrameDecoder, splitTexts, type Frame } from '../xenstore/wire/frame.ts';
import { MessageType } from '../xenstore/wire/message-type.ts';
import { encodeRequest, type Request } from '../xenstore/wire/request.ts';

/** How long an answer may take on a busy machine. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * One connection, of Dom0 or of a guest. Requests are made one after another; `send` and `nextFrame` are for the rest.
 */
export class StoreClient implements Disposable {
  readonly #decoder = new FrameDecoder();
  readonly #frames: Frame[] = [];
  readonly #events: string[] = [];
  #transport: Transport | undefined;
  #nextRequestId = 1;
  #isClosed = false;
  #wake: () => void = () => undefined;

  static async open(connector: Connector): Promise<StoreClient> {
    const client = new StoreClient();
    client.#transport = await connector({
      onData: (chunk) => client.#take(chunk),
      onClose: () => {
        client.#isClosed = true;
        client.#wake();
      },
    });
    return client;
  }

  /**
   * The answer as text: the name of the error, or the payload with a space for each NUL in it and none for the last.
   */
  async ask(request: Request, transactionId = 0): Promise<string> {
    const requestId = (this.#nextRequestId += 1);
    this.send(encodeRequest(request, { requestId, transactionId }));
    const frame = await this.nextFrame();
    if (frame.requestId !== requestId) {
      throw new ProtocolError('PROTOCOL_REMOTE', {
        message: `The answer to ${request.name} is that of another request`,
        context: { expected: requestId, got: frame.requestId },
      });
    }
    return textOf(frame);
  }

  /** Sends a message of any type with any payload, and gives the answer as text. */
  async askRaw(type: number, payload: string | Uint8Array, transactionId = 0): Promise<string> {
    const requestId = (this.#nextRequestId += 1);
    this.send(encodeFrame({ type, requestId, transactionId }, [payload]));
    return textOf(await this.nextFrame());
  }

  send(bytes: Buffer): void {
    this.#transport?.send(bytes);
  }

  /** The next answer, in the order of arrival; events are put aside. */
  async nextFrame(): Promise<Frame> {
    await this.#until('an answer', () => this.#frames.length > 0);
    const frame = this.#frames.shift();
    if (frame !== undefined) return frame;
    throw new XenStoreError('XENSTORE_CLOSED', { message: 'xenstored has closed the connection' });
  }

  /** The events so far, as `path token`: all that were sent before the answer to a request made now. */
  async takeEvents(): Promise<readonly string[]> {
    await this.getDomainPath(0);
    return this.#events.splice(0);
  }

  /** The next event, once it comes. */
  async nextEvent(): Promise<string> {
    await this.#until('an event', () => this.#events.length > 0);
    return this.#events.shift() ?? 'closed';
  }

  /** Comes back when xenstored has closed the connection. */
  async closed(): Promise<void> {
    await this.#until('xenstored to hang up', () => this.#isClosed);
  }

  read(path: string, transactionId?: number): Promise<string> {
    return this.ask({ name: 'read', path }, transactionId);
  }

  write(path: string, value: string, transactionId?: number): Promise<string> {
    return this.ask({ name: 'write', path, value: Buffer.from(value, 'latin1') }, transactionId);
  }

  mkdir(path: string, transactionId?: number): Promise<string> {
    return this.ask({ name: 'mkdir', path }, transactionId);
  }

  rm(path: string, transactionId?: number): Promise<string> {
    return this.ask({ name: 'rm', path }, transactionId);
  }

  /** The names of the children, sorted: their order is each daemon's own. */
  async list(path: string, transactionId?: number): Promise<string> {
    const answer = await this.ask({ name: 'directory', path }, transactionId);
    return answer.split(' ').sort().join(' ');
  }

  permissions(path: string, transactionId?: number): Promise<string> {
    return this.ask({ name: 'getPermissions', path }, transactionId);
  }

  /** Sets permissions given as `n0 r7`. */
  chmod(path: string, permissions: string, transactionId?: number): Promise<string> {
    return this.ask(
      { name: 'setPermissions', path, permissions: permissions.split(' ') },
      transactionId,
    );
  }

  watch(path: string, token = 't'): Promise<string> {
    return this.ask({ name: 'watch', path, token });
  }

  unwatch(path: string, token = 't'): Promise<string> {
    return this.ask({ name: 'unwatch', path, token });
  }

  resetWatches(transactionId?: number): Promise<string> {
    return this.ask({ name: 'resetWatches' }, transactionId);
  }

  /** The id of a new transaction. */
  async begin(): Promise<number> {
    return Number(await this.ask({ name: 'transactionStart' }));
  }

  commit(transactionId: number): Promise<string> {
    return this.ask({ name: 'transactionEnd', commit: true }, transactionId);
  }

  abort(transactionId: number): Promise<string> {
    return this.ask({ name: 'transactionEnd', commit: false }, transactionId);
  }

  introduce(domid: number, port = 5): Promise<string> {
    return this.ask({ name: 'introduce', domid: String(domid), frame: '1', port: String(port) });
  }

  release(domid: number): Promise<string> {
    return this.ask({ name: 'release', domid: String(domid) });
  }

  resume(domid: number): Promise<string> {
    return this.ask({ name: 'resume', domid: String(domid) });
  }

  isIntroduced(domid: number): Promise<string> {
    return this.ask({ name: 'isDomainIntroduced', domid: String(domid) });
  }

  setTarget(domid: number, target: number): Promise<string> {
    return this.ask({ name: 'setTarget', domid: String(domid), target: String(target) });
  }

  getDomainPath(domid: number): Promise<string> {
    return this.ask({ name: 'getDomainPath', domid: String(domid) });
  }

  control(...words: string[]): Promise<string> {
    return this.ask({ name: 'control', words });
  }

  [Symbol.dispose](): void {
    this.#transport?.close();
    this.#transport = undefined;
  }

  #take(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      if (frame.type === MessageType.watchEvent) this.#events.push(textOf(frame));
      else this.#frames.push({ ...frame, payload: Buffer.from(frame.payload) });
    }
    this.#wake();
  }

  /** Waits for the condition, or for the end of the connection. */
  async #until(what: string, isMet: () => boolean): Promise<void> {
    await withDeadline({ what }, { timeoutMs: ANSWER_TIMEOUT_MS }, async () => {
      while (!isMet() && !this.#isClosed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    });
  }
}

function textOf({ type, payload }: Frame): string {
  if (type === MessageType.error) return splitTexts(payload)[0] ?? '';
  return payload.toString('latin1').replace(/\0$/, '').replaceAll('\0', ' ');
}
