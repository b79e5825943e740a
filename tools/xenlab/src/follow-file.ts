// Reads a file that another process is still writing, woken by the kernel (inotify) in place of looking again.
import { closeSync, openSync, readSync, watch } from 'node:fs';
import { once } from 'node:events';

/** The text that is in `file` now, and then what is added, until `signal` aborts; the file must exist. */
export async function* followFile(
  file: string,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<string, void, undefined> {
  const descriptor = openSync(file, 'r');
  const watcher = watch(file);
  const buffer = Buffer.alloc(64 * 1024);
  const decoder = new TextDecoder();
  try {
    while (!signal.aborted) {
      // Ask for the next change before reading, so that none falls in between.
      const changed = once(watcher, 'change', { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      let length = readSync(descriptor, buffer);
      while (length > 0) {
        yield decoder.decode(buffer.subarray(0, length), { stream: true });
        length = readSync(descriptor, buffer);
      }
      await changed;
    }
  } finally {
    watcher.close();
    closeSync(descriptor);
  }
}
