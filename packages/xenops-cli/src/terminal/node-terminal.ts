/** Real terminals: the user's, and one of Dom0's pseudo-terminals. */
import { closeSync, constants, openSync } from 'node:fs';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import { DeviceError } from '@xenops/core/errors';
import type { GuestTerminal, Terminal } from './converse.ts';

/** The terminal that the program was started in. */
export function userTerminal(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Terminal {
  return {
    input,
    output,
    setRaw: (isRaw) => {
      if (input.isTTY) input.setRawMode(isRaw);
    },
  };
}

/** Opens a pseudo-terminal of Dom0. Throws DEVICE_FAILED when it is gone or none. */
export function openPseudoTerminal(path: string): GuestTerminal {
  const { O_NOCTTY, O_NOFOLLOW, O_RDWR } = constants;
  const descriptors: number[] = [];
  const open = (): number => {
    const fd = openSync(path, O_RDWR | O_NOCTTY | O_NOFOLLOW);
    descriptors.push(fd);
    if (!isatty(fd)) throw new Error('It is no terminal');
    return fd;
  };
  try {
    const input = new ReadStream(open());
    // Without it the kernel would echo the guest's own output back to it.
    input.setRawMode(true);
    const output = new WriteStream(open());
    return {
      input,
      output,
      close() {
        input.destroy();
        output.destroy();
      },
    };
  } catch (cause) {
    for (const fd of descriptors) closeSync(fd);
    throw new DeviceError('DEVICE_FAILED', {
      message: `The terminal ${path} of the console cannot be opened`,
      context: { path },
      cause,
    });
  }
}
