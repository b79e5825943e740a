/** `xec-vm`: VMs, their disks and network interfaces, from a shell. */
import { runXecVm } from '../clients/run-xec-vm.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.once('SIGTERM', () => interrupt.abort());
// Whoever read our output has enough.
process.stdout.on('error', () => interrupt.abort());

// The promise never rejects; without top-level await this file can be bundled as CommonJS.
void runXecVm({
  words: process.argv.slice(2),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  signal: interrupt.signal,
}).then((status) => {
  process.exitCode = status;
});
