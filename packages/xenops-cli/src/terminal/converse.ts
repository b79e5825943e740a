import type { Readable, Writable } from 'node:stream';
import { splitAtEscape } from './escape.ts';

/** The user's end: keys in, text out. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** Passes every key on at once, or lets the terminal do its line editing again; nothing where it is no terminal. */
  setRaw(isRaw: boolean): void;
}

/** A console of a guest. */
export interface GuestTerminal {
  readonly input: Readable;
  readonly output: Writable;
  close(): void;
}

/**
 * Connects the two until the user leaves with ctrl-], the console ends, or the signal fires; tells which. The guest's bytes reach the user's
 * terminal as they are: that is what a console is. When the user's keys end, as those of a file do, the guest is still listened to.
 */
export async function converse(
  user: Terminal,
  guest: GuestTerminal,
  signal: AbortSignal,
): Promise<'left' | 'ended' | 'interrupted'> {
  user.setRaw(true);
  let onAbort: () => void = () => undefined;
  let onKeys: (keys: Buffer) => void = () => undefined;
  try {
    return await new Promise((resolve) => {
      onAbort = () => resolve('interrupted');
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      onKeys = (keys) => {
        const { passed, isLeaving } = splitAtEscape(keys);
        if (passed.length > 0) guest.output.write(passed);
        if (isLeaving) resolve('left');
      };
      // xenconsoled closes its end when the domain is gone, which reads as an error (EIO).
      for (const event of ['end', 'close', 'error'] as const) {
        guest.input.once(event, () => resolve('ended'));
      }
      guest.output.on('error', () => resolve('ended'));
      guest.input.pipe(user.output, { end: false });
      user.input.on('data', onKeys);
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
    user.input.off('data', onKeys);
    user.input.pause();
    guest.input.unpipe(user.output);
    guest.close();
    user.setRaw(false);
  }
}
