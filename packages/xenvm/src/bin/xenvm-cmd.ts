/** `xenvm-cmd`: a task of a VM monitor, from a shell. */
import { runCommand } from '../client/run-command.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.once('SIGTERM', () => interrupt.abort());
// Whoever read our output has enough.
process.stdout.on('error', () => interrupt.abort());

// Without top-level await this file can be bundled as CommonJS.
void runCommand({
  words: process.argv.slice(2),
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  signal: interrupt.signal,
}).then((status) => {
  process.exitCode = status;
});
