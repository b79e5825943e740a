/**
 * From a handler to its reply. A handler that answers at once is answered in the same tick, so that replies to calls
 * that came together leave together.
 */
import type { Outgoing } from '../connection.ts';
import { BusError, DbusError, STANDARD_ERROR } from '../errors.ts';
import { bodyCodec, type BodyCodec } from '../wire/body-codec.ts';
import { BoundedCache } from '../wire/bounded-cache.ts';
import {
  MESSAGE_FLAG,
  MESSAGE_TYPE,
  renderHeader,
  type HeaderTemplate,
  type IncomingMessage,
} from '../wire/message.ts';
import type { CallContext } from './call-context.ts';
import type { ExportedMethod } from './exported-interface.ts';

/** What replies need of the bus. */
export interface ReplyPort {
  /** Sends a reply; one that cannot be sent any more is dropped. */
  readonly send: (message: Outgoing, replySerial: number) => void;
  /** Takes an error of a handler that is no DbusError. */
  readonly report: (error: unknown) => void;
  readonly mapError: (error: unknown) => DbusError | undefined;
}

/** See the module comment. */
export class RepliesSender {
  readonly #port: ReplyPort;
  readonly #headers = new BoundedCache(replyHeader);

  constructor(port: ReplyPort) {
    this.#port = port;
  }

  /** Answers a call with what its handler gives. Throws only BusError `DBUS_PROTOCOL`, for a malformed body. */
  answer(message: IncomingMessage, method: ExportedMethod, context: CallContext): void {
    try {
      const result = method.handle(method.input.read(message.reader), context);
      if (result instanceof Promise) {
        result.then(
          (value: unknown) => this.#sendResult(message, method.output, value),
          (error: unknown) => this.sendError(message, error),
        );
      } else {
        this.#sendResult(message, method.output, result);
      }
    } catch (error) {
      if (error instanceof BusError && error.code === 'DBUS_PROTOCOL') throw error;
      this.sendError(message, error);
    }
  }

  /** Answers with an error. What is no DbusError becomes `Failed`, and is reported here. */
  sendError(message: IncomingMessage, error: unknown): void {
    const reply = this.#toReply(error);
    if ((message.flags & MESSAGE_FLAG.noReply) !== 0) return;
    try {
      this.#sendErrorReply(message, reply.errorName, reply.message);
    } catch (failure) {
      this.#port.report(failure);
      if (!(failure instanceof BusError) || failure.code !== 'DBUS_BAD_NAME') return;
      this.#sendErrorReply(message, STANDARD_ERROR.failed, reply.message);
    }
  }

  #sendErrorReply(message: IncomingMessage, errorName: string, text: string): void {
    const template = renderHeader(MESSAGE_TYPE.error, {
      errorName,
      destination: message.sender,
      signature: 's',
    });
    const values = [text.replace(/[\0\p{Surrogate}]/gu, '\ufffd')];
    this.#port.send({ template, codec: STRING_BODY, values }, message.serial);
  }

  /** A handler gives nothing, the one value itself, or an array of several. */
  #sendResult(message: IncomingMessage, output: BodyCodec, result: unknown): void {
    if ((message.flags & MESSAGE_FLAG.noReply) !== 0) return;
    const values = output.count === 1 ? [result] : Array.isArray(result) ? result : [];
    const template = this.#headers.get(`${message.sender} ${output.signature}`);
    try {
      this.#port.send({ template, codec: output, values }, message.serial);
    } catch (error) {
      this.sendError(message, error);
    }
  }

  #toReply(error: unknown): DbusError {
    if (error instanceof DbusError) return error;
    const mapped = this.#port.mapError(error);
    if (mapped !== undefined) return mapped;
    this.#port.report(error);
    const text = error instanceof Error ? error.message : 'The service failed';
    return new DbusError(STANDARD_ERROR.failed, text);
  }
}

const STRING_BODY: BodyCodec = bodyCodec('s');

/** Headers of replies, by receiver and signature. */
function replyHeader(key: string): HeaderTemplate {
  const [destination = '', signature = ''] = key.split(' ');
  return renderHeader(MESSAGE_TYPE.reply, { destination, signature });
}
