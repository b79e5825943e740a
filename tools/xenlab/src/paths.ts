// Where things are: the cache outlives everything, the run folder holds the labs of this boot.
import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The files that go into images, beside `src` or `dist`. */
export const assetsFolder: string = fileURLToPath(new URL('../assets', import.meta.url));

/** `$XENLAB_CACHE`, else `xenlab` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const configured = env['XENLAB_CACHE'];
  if (configured !== undefined && configured !== '') return configured;
  const home = env['XDG_CACHE_HOME'];
  return path.join(
    home !== undefined && home !== '' ? home : path.join(os.homedir(), '.cache'),
    'xenlab',
  );
}

/** `xenlab` in the user's run-time folder, made when it is not there; only its owner may look into it. */
export function runFolder(env: NodeJS.ProcessEnv = process.env): string {
  const runtime = env['XDG_RUNTIME_DIR'];
  const isRoot = process.getuid?.() === 0;
  let folder = path.join(os.tmpdir(), `xenlab-${String(process.getuid?.())}`);
  if (runtime !== undefined && runtime !== '') folder = path.join(runtime, 'xenlab');
  else if (isRoot) folder = '/run/xenlab';
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
