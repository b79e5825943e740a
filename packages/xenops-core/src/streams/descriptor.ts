/** Exact reads and whole writes on a file, a pipe or a socket, at its own position: libxenguest reads and writes in between. */
import { read, write } from 'node:fs';
import { invalid } from './image-format.ts';

/** Reads exactly this much. Rejects with STREAM_INVALID at an early end, or the error of the read. */
export async function readExact(fd: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes;) {
    const count = await new Promise<number>((resolve, reject) => {
      read(fd, buffer, done, bytes - done, null, (error, got) =>
        error === null ? resolve(got) : reject(error),
      );
    });
    if (count === 0) throw invalid('it ends too early');
    done += count;
  }
  return buffer;
}

/** Writes it all. Rejects with the error of the write. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += await new Promise<number>((resolve, reject) => {
      write(fd, bytes, done, bytes.length - done, null, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  }
}
