import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { AppendedFile } from './trace-log.ts';

const { O_APPEND, O_CREAT, O_WRONLY } = constants;
const FOR_THE_OWNER = 0o600;

/** Opens a file of this machine to add to it, made for its owner alone; undefined when that fails. */
export function openForAppend(path: string): AppendedFile | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND, FOR_THE_OWNER);
  } catch {
    return undefined;
  }
  return {
    append(text) {
      try {
        writeSync(fd, text, null, 'latin1');
      } catch {
        // A full disk costs the trace, as it does the C daemon, and no request.
      }
    },
    close: () => closeSync(fd),
  };
}
