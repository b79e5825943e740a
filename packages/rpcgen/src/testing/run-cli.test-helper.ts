import { run } from '../cli/run.ts';

/** What a command line came to. */
export interface CliOutcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, with the version `0.0.0-test`. */
export function runCli(...words: readonly string[]): CliOutcome {
  let out = '';
  let err = '';
  const status = run({
    words,
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    version: '0.0.0-test',
  });
  return { status, out, err };
}
