import type { CommandOutput } from '../commands/command.ts';

/** The streams a command writes to, and whether somebody watches. */
export interface Streams {
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean | undefined };
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean | undefined };
}

/** The output of a command on these streams. */
export function commandOutput({ out, err }: Streams): CommandOutput {
  return {
    line: (text) => void out.write(`${text}\n`),
    raw: (text) => void out.write(text),
    json: (value) => void out.write(`${JSON.stringify(value, null, out.isTTY === true ? 2 : 0)}\n`),
    progress(text) {
      if (err.isTTY === true) err.write(`${text}\n`);
    },
  };
}
