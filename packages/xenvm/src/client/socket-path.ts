import path from 'node:path';
import { vmUuid } from '@xenops/core/ids';
import { DEFAULT_SOCKET_FOLDER } from '../daemon/command-line.ts';
import { answers } from '../rpc/unix-listener.ts';

/** Stands for a uuid where the daemon itself is meant: the control socket of `xenvm serve`. */
export const CONTROL = 'control';

/** The socket of a VM, or of the daemon for `control`, in XENVM_SOCKET_DIR or its default. Throws CONFIG_BAD_VALUE. */
export function vmSocketPath(
  uuid: string,
  folder: string = process.env['XENVM_SOCKET_DIR'] ?? DEFAULT_SOCKET_FOLDER,
): string {
  return path.join(folder, uuid === CONTROL ? CONTROL : `vm-${vmUuid(uuid)}`);
}

/** Whether somebody listens there. */
export function isAnswering(socketPath: string): Promise<boolean> {
  return answers(socketPath);
}
