/** Opens a bus through a transport that passes descriptors. Unix sockets only, as no other kind can. */
import { bodyCodec } from '../wire/body-codec.ts';
import { finishMessage, MESSAGE_TYPE, renderHeader, startMessage } from '../wire/message.ts';
import { Writer } from '../wire/writer.ts';
import { DRIVER } from '../driver.ts';
import { BusError } from '../errors.ts';
import { HELLO_SERIAL, unescapeAddress, type BusAddress, type OpenOptions } from '../library.ts';
import { startTimer } from '../time/deadline.ts';
import type { OpenDescriptorSocket } from './descriptor-socket.ts';
import { DescriptorStream } from './descriptor-stream.ts';
import { shakeHands } from './handshake.ts';

const SYSTEM_BUS = 'unix:path=/var/run/dbus/system_bus_socket';

/**
 * Connects, authenticates, and says Hello under HELLO_SERIAL. Addresses as in `openStream`.
 * Throws BusError `DBUS_CONNECT_FAILED`, `DBUS_NO_DESCRIPTORS`, `TIMEOUT` or `ABORTED`.
 */
export async function openDescriptorStream(
  address: BusAddress,
  open: OpenDescriptorSocket,
  { timeoutMs, signal }: OpenOptions,
): Promise<DescriptorStream> {
  const stream = connectFirst(address, open);
  const stop = (code: 'TIMEOUT' | 'ABORTED'): void => {
    const message = 'Waiting for the bus to let us in has ended';
    stream.destroy(new BusError(code, { message, context: { address, timeoutMs } }));
  };
  const onAbort = (): void => stop('ABORTED');
  const timer = startTimer(timeoutMs, () => stop('TIMEOUT'));
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    await shakeHands(stream);
    stream.write(hello());
    return stream;
  } catch (error) {
    stream.destroy();
    if (error instanceof BusError && error.cause instanceof BusError) throw error.cause;
    throw error;
  } finally {
    timer.stop();
    signal?.removeEventListener('abort', onAbort);
  }
}

function connectFirst(address: BusAddress, open: OpenDescriptorSocket): DescriptorStream {
  const failures: unknown[] = [];
  for (const path of socketPaths(address)) {
    try {
      return new DescriptorStream(open, path);
    } catch (error) {
      if (error instanceof BusError) throw error;
      failures.push(error);
    }
  }
  throw new BusError('DBUS_CONNECT_FAILED', {
    message: 'Cannot connect to the bus; is a bus daemon listening at a Unix socket there?',
    context: { address },
    cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
  });
}

/** The Unix sockets among the alternatives of an address. */
function socketPaths(address: BusAddress): readonly string[] {
  return fullAddress(address)
    .split(';')
    .flatMap((alternative) => {
      const [, kind, value] = /^unix:(?:.*,)?(path|abstract)=([^,]*)/.exec(alternative) ?? [];
      if (value === undefined) return [];
      return [`${kind === 'abstract' ? '\0' : ''}${unescapeAddress(value)}`];
    });
}

function fullAddress(address: BusAddress): string {
  if (address === 'system') return process.env['DBUS_SYSTEM_BUS_ADDRESS'] ?? SYSTEM_BUS;
  if (address === 'session') return process.env['DBUS_SESSION_BUS_ADDRESS'] ?? '';
  return address;
}

function hello(): Buffer {
  const { name: destination, interface: owner, path } = DRIVER;
  const header = { destination, path, interface: owner, member: 'Hello' };
  const template = renderHeader(MESSAGE_TYPE.call, header);
  const writer = new Writer();
  writer.start(template.bytes.length);
  startMessage(writer, template, { serial: HELLO_SERIAL, flags: 0, replySerial: 0 });
  bodyCodec('').write(writer, []);
  finishMessage(writer, template);
  return Buffer.from(writer.bytes.subarray(0, writer.position));
}
