/**
 * The D-Bus library, which nothing else may import. It finds the bus (system, session, or an address), opens the
 * socket and authenticates (EXTERNAL, DBUS_COOKIE_SHA1, ANONYMOUS); then its stream is taken over. Its message layer
 * is left unused: it builds and walks a tree for every value, checks next to nothing of what arrives, and throws
 * inside its event handlers. Needed from it beyond its public interface is `_connection.stream`, whose shape is
 * checked here.
 */
import type { Duplex } from 'node:stream';
import { sessionBus, systemBus } from 'dbus-next';
import { BusError } from './errors.ts';
import { startTimer } from './time/deadline.ts';

/** The library has said Hello under this serial by the time that the stream is ours; the answer is still to come. */
export const HELLO_SERIAL = 1;

/** Which bus: a well-known one, or an address of the D-Bus specification such as `unix:path=/run/bus`. */
export type BusAddress = 'system' | 'session' | (string & Record<never, never>);

/** How to open a stream. */
export interface OpenOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A byte stream behind the library's authentication; flows once somebody listens for `data`. */
export type BusStream = Duplex & { ref?(): unknown; unref?(): unknown };

/**
 * Connects and authenticates. `system` honours DBUS_SYSTEM_BUS_ADDRESS and `session` DBUS_SESSION_BUS_ADDRESS; of an
 * address with alternatives the first that works is taken.
 * Throws BusError `DBUS_CONNECT_FAILED`, `TIMEOUT` or `ABORTED`.
 */
export async function openStream(address: BusAddress, options: OpenOptions): Promise<BusStream> {
  const failures: unknown[] = [];
  for (const alternative of alternatives(address)) {
    try {
      return await openOne(alternative, options);
    } catch (error) {
      if (error instanceof BusError && error.code !== 'DBUS_CONNECT_FAILED') throw error;
      failures.push(error);
    }
  }
  throw failures.length === 1 ? failures[0] : connectFailed(address, new AggregateError(failures));
}

function alternatives(address: BusAddress): readonly string[] {
  return address.split(';').filter((part) => part !== '');
}

function startLibrary(address: string): object {
  if (address === 'system') return systemBus();
  return sessionBus(address === 'session' ? {} : { busAddress: unescapeAddress(address) });
}

/** Gives an address with its bytes as they are: `%2d` stands for one, which the library takes literally. */
export function unescapeAddress(address: string): string {
  return address.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString(),
  );
}

async function openOne(address: string, { timeoutMs, signal }: OpenOptions): Promise<BusStream> {
  if (signal?.aborted === true) throw aborted(address, signal);
  const { library, connection } = emittersOf(startLibrary(address));
  return new Promise<BusStream>((resolve, reject) => {
    let isOver = false;
    const settle = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      timer.stop();
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (error: BusError): void =>
      settle(() => {
        findStream(connection)?.destroy();
        reject(error);
      });
    const onAbort = (): void => fail(aborted(address, signal));
    const timer = startTimer(timeoutMs, () => fail(timedOut(address, timeoutMs)));
    signal?.addEventListener('abort', onAbort);
    library.on('error', (cause) => fail(connectFailed(address, cause)));
    connection.on('end', () => fail(connectFailed(address, new Error('The bus hung up'))));
    connection.once('connect', () => {
      const stream = findStream(connection);
      if (stream === undefined) {
        fail(connectFailed(address, new Error(CHANGED)));
        return;
      }
      if (isOver) {
        stream.destroy();
        return;
      }
      // The library starts to listen right after this event; before it has been handed a byte, it stops again.
      queueMicrotask(() => {
        stream.removeAllListeners('readable');
        settle(() => resolve(stream));
      });
    });
  });
}

interface Emitter {
  on(event: string, listener: (argument: unknown) => void): unknown;
  once(event: string, listener: () => void): unknown;
}

const CHANGED = 'The D-Bus library is not the version that this was written for';

/** The library's bus, and the emitter inside it that owns the stream. */
function emittersOf(library: object): { library: Emitter; connection: Emitter } {
  if (isEmitter(library) && '_connection' in library && isEmitter(library._connection)) {
    return { library, connection: library._connection };
  }
  throw new BusError('DBUS_CONNECT_FAILED', { message: CHANGED });
}

function isEmitter(value: unknown): value is Emitter {
  return typeof value === 'object' && value !== null && 'on' in value && 'once' in value;
}

function findStream(connection: object): BusStream | undefined {
  return 'stream' in connection && isStream(connection.stream) ? connection.stream : undefined;
}

function isStream(value: unknown): value is BusStream {
  return (
    typeof value === 'object' && value !== null && 'removeAllListeners' in value && 'write' in value
  );
}

function connectFailed(address: string, cause: unknown): BusError {
  return new BusError('DBUS_CONNECT_FAILED', {
    message: 'Cannot connect to the bus; is a bus daemon listening at that address?',
    context: { address },
    cause,
  });
}

function timedOut(address: string, timeoutMs: number): BusError {
  return new BusError('TIMEOUT', {
    message: `The bus did not let us in within ${timeoutMs / 1000} s`,
    context: { address, timeoutMs },
  });
}

function aborted(address: string, signal: AbortSignal | undefined): BusError {
  return new BusError('ABORTED', {
    message: 'Connecting to the bus was interrupted',
    context: { address },
    cause: signal?.reason,
  });
}
