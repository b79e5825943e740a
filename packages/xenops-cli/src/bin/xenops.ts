import path from 'node:path';
import { run } from '../run.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)));
}
// A reader that goes away, as head does, ends the output and is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run({
  program: path.basename(process.argv[1] ?? '', '.js'),
  words: process.argv.slice(2),
  streams: { out: process.stdout, err: process.stderr },
  signal: interrupted.signal,
  environment: process.env,
});
