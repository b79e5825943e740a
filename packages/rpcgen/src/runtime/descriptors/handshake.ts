/**
 * How a client is let in and agrees on descriptors: the authentication EXTERNAL by the user of the process, then
 * NEGOTIATE_UNIX_FD. Source: D-Bus specification, "Authentication Protocol".
 */
import { BusError } from '../errors.ts';
import type { DescriptorStream } from './descriptor-stream.ts';

const LINE_BYTES_MAX = 16 * 1024;

/** Our lines, and how the bus answers them. */
const STEPS = [
  { send: authenticate, wanted: 'OK ' },
  { send: () => 'NEGOTIATE_UNIX_FD', wanted: 'AGREE_UNIX_FD' },
] as const;

function authenticate(): string {
  const uid = String(process.getuid?.() ?? 0);
  return `\0AUTH EXTERNAL ${Buffer.from(uid).toString('hex')}`;
}

/**
 * Does the handshake; after it messages can be sent. Rejects with `DBUS_CONNECT_FAILED` when the bus does not let us
 * in, with `DBUS_NO_DESCRIPTORS` when it passes none.
 */
export async function shakeHands(stream: DescriptorStream): Promise<void> {
  for (const { send, wanted } of STEPS) {
    const answered = readLine(stream);
    stream.write(Buffer.from(`${send()}\r\n`));
    const line = await answered;
    if (line.startsWith(wanted)) continue;
    const isIn = wanted !== 'OK ';
    throw new BusError(isIn ? 'DBUS_NO_DESCRIPTORS' : 'DBUS_CONNECT_FAILED', {
      message: isIn
        ? 'This bus passes no file descriptors'
        : 'The bus refuses to let the user of this process in',
      context: { answer: line.slice(0, 64) },
    });
  }
  stream.write(Buffer.from('BEGIN\r\n'));
}

/** The next line. The bus sends nothing after it until it is asked again. */
function readLine(stream: DescriptorStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (bytes: Buffer): void => {
      text += bytes.toString('latin1');
      if (text.endsWith('\r\n')) settle(() => resolve(text.slice(0, -2)));
      else if (text.length > LINE_BYTES_MAX) onEnd(new Error('A line has no end'));
    };
    const onEnd = (cause?: unknown): void =>
      settle(() => {
        const message = 'The bus hung up before it let us in';
        reject(new BusError('DBUS_CONNECT_FAILED', { message, cause }));
      });
    const settle = (act: () => void): void => {
      stream.pause();
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onEnd);
      act();
    };
    stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onEnd);
    stream.resume();
  });
}
