/**
 * A xenstored in memory that answers what a test tells it to. It lies beside the client because only the client's tests,
 * and those of what stands on the client, need a daemon that misbehaves; a real tree of nodes it is not.
 */
import { XenStoreError } from '../../errors.ts';
import { encodeFrame, FrameDecoder } from '../wire/frame.ts';
import { MessageType, type RequestName } from '../wire/message-type.ts';
import { decodeRequest, type BadRequest, type Request } from '../wire/request.ts';
import type { Connector, TransportHandlers } from './transport.ts';

/** A request as it arrived. */
export interface Seen {
  readonly request: Request | BadRequest;
  readonly requestId: number;
  readonly transactionId: number;
  /** 1 for the first connection. */
  readonly connection: number;
}

/** A reply: the payload, or the name of an error. */
export type Answer = { readonly payload: string | Uint8Array } | { readonly error: string };
/** What to answer; undefined for nothing yet. */
export type Script = (seen: Seen) => Answer | undefined;

export const OK: Answer = { payload: 'OK\0' };

interface Connection {
  readonly handlers: TransportHandlers;
  isOpen: boolean;
  keepsAlive: boolean;
}

export class ScriptedXenstored {
  /** Every request of all connections, in the order of their arrival. */
  readonly seen: Seen[] = [];
  readonly connections: Connection[] = [];
  /** Nobody listens: connecting fails. */
  isAway = false;
  readonly #script: Script;

  constructor(script: Script = () => undefined) {
    this.#script = script;
  }

  readonly connector: Connector = async (handlers) => {
    if (this.isAway) throw new XenStoreError('XENSTORE_UNAVAILABLE', { message: 'Away' });
    const connection: Connection = { handlers, isOpen: true, keepsAlive: true };
    const number = this.connections.push(connection);
    const decoder = new FrameDecoder();
    return {
      send: (message) => {
        if (!connection.isOpen) return;
        decoder.push(message);
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          const { requestId, transactionId } = frame;
          this.#take({
            request: decodeRequest(frame),
            requestId,
            transactionId,
            connection: number,
          });
        }
      },
      setRef: (keepAlive) => void (connection.keepsAlive = keepAlive),
      close: () => this.#close(connection),
    };
  };

  /** Names of the requests so far. */
  get names(): readonly string[] {
    return this.seen.map(({ request }) => request.name);
  }

  /** The request with this index, from the last with a negative one. */
  at(index: number): Seen {
    const seen = this.seen.at(index);
    if (seen === undefined) throw new Error(`Only ${this.seen.length} requests have come`);
    return seen;
  }

  /** Answers a request, as its own type or as another. */
  reply({ request, requestId }: Seen, answer: Answer, as?: RequestName): void {
    if (request.name === 'bad') throw new Error('A bad request was sent');
    const [type, text] =
      'error' in answer
        ? [MessageType.error, `${answer.error}\0`]
        : [MessageType[as ?? request.name], answer.payload];
    this.send(encodeFrame({ type, requestId, transactionId: 0 }, [text]));
  }

  /** An event of a watch. */
  event(path: string, token: string): void {
    const header = { type: MessageType.watchEvent, requestId: 0, transactionId: 0 };
    this.send(encodeFrame(header, [path, '\0', token, '\0']));
  }

  /** Sends bytes as they are on the newest connection. */
  send(bytes: Uint8Array): void {
    const connection = this.connections.at(-1);
    if (connection?.isOpen === true) connection.handlers.onData(bytes);
  }

  /** The newest connection breaks. */
  drop(cause?: Error): void {
    const connection = this.connections.at(-1);
    if (connection !== undefined) this.#close(connection, cause);
  }

  #take(seen: Seen): void {
    this.seen.push(seen);
    const answer = this.#script(seen);
    if (answer !== undefined) queueMicrotask(() => this.reply(seen, answer));
  }

  #close(connection: Connection, cause?: Error): void {
    if (!connection.isOpen) return;
    connection.isOpen = false;
    queueMicrotask(() => connection.handlers.onClose(cause));
  }
}
