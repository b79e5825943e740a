/**
 * A transport that passes file descriptors, for `connectBus({ openSocket })`: `@xenops/rpcgen/descriptors`. It is a
 * small addon in C, which nothing else needs and which is built only where it is wanted (`native/build.mjs`).
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { BusError, type DescriptorSocket, type OpenDescriptorSocket } from '../runtime/index.ts';

/** What native/descriptor_socket.c exports; `socket` is the handle that `open` gives. */
interface Addon {
  open(
    path: string,
    onData: (bytes: Buffer | null, rest: readonly number[] | number) => void,
  ): unknown;
  write(socket: unknown, bytes: Buffer, descriptors: readonly number[]): number;
  finish(
    socket: unknown,
    bytes: Buffer,
    descriptors: readonly number[],
    onDone: (errno: number) => void,
  ): void;
  shutdown(socket: unknown): void;
  hold(socket: unknown, isHeld: boolean): void;
  duplicate(descriptor: number): number;
}

/**
 * Connects to a Unix socket that passes descriptors. Throws BusError `DBUS_NO_DESCRIPTORS` while the addon is not built,
 * and an error with `errno` when it cannot connect.
 */
export const openDescriptorSocket: OpenDescriptorSocket = (path, { onData, onEnd }) => {
  const addon = loadAddon();
  const handle = addon.open(path, (bytes, rest) => {
    if (bytes === null) onEnd(rest === 0 ? undefined : failure(Number(rest)));
    else onData(bytes, typeof rest === 'number' ? [] : rest);
  });
  return {
    write: (bytes, descriptors, onDone) => {
      try {
        const sent = addon.write(handle, bytes, descriptors);
        if (sent === bytes.length) {
          onDone();
          return;
        }
        // They went with the first byte.
        const rest = sent === 0 ? descriptors : [];
        addon.finish(handle, bytes.subarray(sent), rest, (errno) =>
          onDone(errno === 0 ? undefined : failure(errno)),
        );
      } catch (error) {
        onDone(error instanceof Error ? error : new Error(String(error)));
      }
    },
    shutdown: () => addon.shutdown(handle),
    hold: (isHeld) => addon.hold(handle, isHeld),
    duplicate: (descriptor) => addon.duplicate(descriptor),
  } satisfies DescriptorSocket;
};

const BUILD = fileURLToPath(new URL('../../native/build.mjs', import.meta.url));

function loadAddon(): Addon {
  try {
    const path = '../../build/descriptor_socket.node';
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new BusError('DBUS_NO_DESCRIPTORS', {
      message: `The transport for file descriptors is not built: run node ${BUILD}`,
      cause,
    });
  }
}

function failure(errno: number): Error {
  return Object.assign(new Error(`The socket failed with errno ${errno}`), { errno });
}
