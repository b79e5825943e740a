// A lock between processes that ends with its holder, however that ends: flock(1) holds it for as long as our end
// of its standard input is open.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { abortedError, LabError } from './errors.ts';

/** Waits until no other process holds the lock on `file`, and holds it until disposed. */
export async function holdLock(
  file: string,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<AsyncDisposable> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; read -r line'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'close');
  const held = await Promise.race([
    once(holder.stdout, 'data', signal === undefined ? {} : { signal }).then(() => true),
    ended.then(() => false),
  ]).catch((error: unknown) => {
    holder.kill();
    throw signal?.aborted === true ? abortedError(`waiting for ${file}`, signal) : error;
  });
  if (!held) throw new LabError('LAB_HOST_UNSUITABLE', { message: `Cannot lock ${file}` });
  return {
    [Symbol.asyncDispose]: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}
