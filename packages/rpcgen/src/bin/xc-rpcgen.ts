import { readFileSync } from 'node:fs';
import { run } from '../cli/run.ts';

const packageJson = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
const version = /"version": "(?<version>[^"]+)"/.exec(packageJson)?.groups?.['version'] ?? '';

// A reader that goes away, as head does, ends the output and is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
process.exitCode = run({
  words: process.argv.slice(2),
  out: process.stdout,
  err: process.stderr,
  version,
});
