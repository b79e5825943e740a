import path from 'node:path';
import { run } from '../run.ts';
import { userTerminal } from '../terminal/node-terminal.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)));
}
// A reader that goes away, as head does, ends the output and is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const { argv, env, stdout, stderr } = process;

// A promise of `run` never rejects; without top-level await this file can be bundled as CommonJS.
void run({
  program: path.parse(argv[1] ?? '').name,
  words: argv.slice(2),
  streams: { out: stdout, err: stderr },
  signal: interrupted.signal,
  environment: env,
  openTerminal: () => userTerminal(process.stdin, stdout),
}).then((status) => {
  process.exitCode = status;
});
