/** `xec`: properties and methods of any object on the bus, from a shell. */
import { runXec } from '../clients/run-xec.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.once('SIGTERM', () => interrupt.abort());
// Whoever read our output has enough.
process.stdout.on('error', () => interrupt.abort());

// The promise never rejects; without top-level await this file can be bundled as CommonJS.
void runXec({
  words: process.argv.slice(2),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  signal: interrupt.signal,
}).then((status) => {
  process.exitCode = status;
});
