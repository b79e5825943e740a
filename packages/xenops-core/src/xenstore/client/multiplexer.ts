/**
 * One connection, many requests in flight: matches replies with requests by id and hands watch events on. Knows nothing
 * of what the requests mean. When the connection goes down every pending request fails with XENSTORE_CLOSED. A request
 * that gets no answer in time fails with TIMEOUT and takes the connection down: answers come in order, so whatever has
 * stalled it (oxenstored, for as long as a guest does not take its events) has stalled all that wait behind it.
 */
import { ProtocolError, TimeoutError, XenStoreError } from '../../errors.ts';
import type { Clock } from '../../host/clock.ts';
import { REPLY_PAYLOAD_BYTES_MAX, REQUEST_TIMEOUT_MS } from '../limits.ts';
import { FrameDecoder, splitTexts, type Frame } from '../wire/frame.ts';
import { MessageType } from '../wire/message-type.ts';
import { encodeRequest, type Request } from '../wire/request.ts';
import type { Connector, Transport } from './transport.ts';
import { errorFromWire } from './wire-error.ts';

interface Pending {
  readonly request: Request;
  readonly deadlineMs: number;
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

export interface MultiplexerEvents {
  readonly onWatchEvent: (path: string, token: string) => void;
  /** The connection is gone; called once. `cause` is absent when we closed it. */
  readonly onDown: (cause?: Error) => void;
}

export class Multiplexer {
  readonly #pending = new Map<number, Pending>();
  readonly #decoder = new FrameDecoder(REPLY_PAYLOAD_BYTES_MAX);
  readonly #clock: Clock;
  readonly #events: MultiplexerEvents;
  #transport: Transport | undefined;
  #nextRequestId = 1;
  #down: Error | undefined;
  #timer: Disposable | undefined;

  private constructor(clock: Clock, events: MultiplexerEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Connects. Rejects with XENSTORE_UNAVAILABLE. */
  static async open(
    connector: Connector,
    clock: Clock,
    events: MultiplexerEvents,
  ): Promise<Multiplexer> {
    const self = new Multiplexer(clock, events);
    self.#transport = await connector({
      onData: (chunk) => self.#receive(chunk),
      onClose: (cause) => self.#goDown(cause),
    });
    self.#transport.setRef(false);
    return self;
  }

  /** Sends a request and gives the payload of its reply. Rejects with the error that xenstored answered. */
  request(request: Request, transactionId: number): Promise<Buffer> {
    const transport = this.#transport;
    if (this.#down !== undefined || transport === undefined) {
      return Promise.reject(this.#closedError());
    }
    return new Promise((resolve, reject) => {
      const requestId = this.#takeRequestId();
      const message = encodeRequest(request, { requestId, transactionId });
      const deadlineMs = this.#clock.nowMs() + REQUEST_TIMEOUT_MS;
      this.#pending.set(requestId, { request, deadlineMs, resolve, reject });
      if (this.#pending.size === 1) transport.setRef(true);
      this.#timer ??= this.#clock.startTimer(REQUEST_TIMEOUT_MS, () => this.#expire());
      transport.send(message);
    });
  }

  /** Whether this connection can still be used. */
  get isUp(): boolean {
    return this.#down === undefined;
  }

  close(): void {
    this.#goDown();
    this.#transport?.close();
  }

  #takeRequestId(): number {
    const id = this.#nextRequestId;
    this.#nextRequestId = id === 0xffffffff ? 1 : id + 1;
    return id;
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#dispatch(frame);
      }
    } catch (error) {
      this.#goDown(error instanceof Error ? error : new Error(String(error)));
      this.#transport?.close();
    }
    if (this.#pending.size === 0) this.#becomeIdle();
  }

  #dispatch(frame: Frame): void {
    if (frame.type === MessageType.watchEvent) {
      const [path, token] = splitTexts(frame.payload);
      if (path === undefined || token === undefined) {
        throw new ProtocolError('PROTOCOL_REMOTE', {
          message: 'A watch event has a path and a token',
        });
      }
      this.#events.onWatchEvent(path, token);
      return;
    }
    const pending = this.#pending.get(frame.requestId);
    // The late answer to a request that was given up.
    if (pending === undefined) return;
    const { request, resolve, reject } = pending;
    if (frame.type === MessageType[request.name]) {
      resolve(frame.payload);
    } else if (frame.type === MessageType.error) {
      reject(errorFromReply(request, splitTexts(frame.payload)[0] ?? ''));
    } else {
      throw new ProtocolError('PROTOCOL_REMOTE', {
        message: `xenstored answered a ${request.name} request with a message of type ${frame.type}`,
      });
    }
    this.#pending.delete(frame.requestId);
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const overdue: Pending[] = [];
    for (const [requestId, pending] of this.#pending) {
      if (pending.deadlineMs > nowMs) break;
      this.#pending.delete(requestId);
      overdue.push(pending);
    }
    const [stuck] = overdue;
    if (stuck === undefined) {
      const [first] = this.#pending.values();
      const delayMs = (first?.deadlineMs ?? nowMs) - nowMs;
      this.#timer = this.#clock.startTimer(delayMs, () => this.#expire());
      return;
    }
    for (const { request, reject } of overdue) reject(timeoutError(request));
    this.#goDown(timeoutError(stuck.request));
    this.#transport?.close();
  }

  #becomeIdle(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#transport?.setRef(false);
  }

  #goDown(cause?: Error): void {
    if (this.#down !== undefined) return;
    this.#down = cause ?? new Error('closed');
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    for (const { reject } of pending) reject(this.#closedError());
    this.#events.onDown(cause);
  }

  #closedError(): XenStoreError {
    return new XenStoreError('XENSTORE_CLOSED', {
      message: 'The connection to xenstored is closed',
      cause: this.#down,
    });
  }
}

function timeoutError(request: Request): TimeoutError {
  return new TimeoutError({
    message: `xenstored did not answer in ${REQUEST_TIMEOUT_MS / 1000} s when asked to ${describe(request)}`,
    context: contextOf(request),
  });
}

function contextOf(request: Request): { readonly path?: string; readonly domid?: string } {
  if ('path' in request) return { path: request.path };
  return 'domid' in request ? { domid: request.domid } : {};
}

function describe(request: Request): string {
  const { path, domid } = contextOf(request);
  return [request.name, path ?? domid].filter((word) => word !== undefined).join(' ');
}

function errorFromReply(request: Request, name: string): XenStoreError {
  return errorFromWire(name, describe(request), contextOf(request));
}
