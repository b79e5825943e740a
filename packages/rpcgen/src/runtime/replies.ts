/** Replies, and what is wrong with them. */
import type { CallTarget } from './bus-options.ts';
import { BusError, DbusError, type DbusErrorClass } from './errors.ts';
import { MESSAGE_TYPE, readBody, type IncomingMessage } from './wire/message.ts';
import { isUniqueName } from './wire/names.ts';

/** The name that the bus gives in its answer to Hello. */
export function readHello(reply: IncomingMessage): string {
  const [name] = reply.type === MESSAGE_TYPE.reply ? readBody(reply) : [];
  if (typeof name === 'string' && isUniqueName(name)) return name;
  throw new BusError('DBUS_CONNECT_FAILED', { message: 'The bus gave this connection no name' });
}

/** The class that stands for the error's name, with the text of the reply. */
export function readError(reply: IncomingMessage, errors: readonly DbusErrorClass[]): DbusError {
  const [first] = reply.signature.startsWith('s') ? readBody(reply) : [];
  const text = typeof first === 'string' ? first : '';
  const Declared = errors.find(({ errorName }) => errorName === reply.errorName);
  return Declared === undefined ? new DbusError(reply.errorName, text) : new Declared(text);
}

/** Gives the error for a reply that is not what was promised. */
export function unexpectedSignature(
  { interface: owner, member, output }: CallTarget,
  got: string,
): Error {
  return new BusError('DBUS_UNEXPECTED_SIGNATURE', {
    message: `The reply of ${owner}.${member} is not what its description says`,
    context: { expected: output, got },
  });
}

/** Gives the error itself, or one around it. */
export function asBusError(error: unknown): BusError {
  if (error instanceof BusError) return error;
  return new BusError('DBUS_CLOSED', { message: 'The connection to the bus failed', cause: error });
}
