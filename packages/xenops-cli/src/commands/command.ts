import type { Host } from '@xenops/core/host';
import type { Terminal } from '../terminal/converse.ts';
import type { Options, Values } from './option.ts';

/** Where a command writes: data to `out`, everything else to `err`. */
export interface CommandOutput {
  /** One line of data. */
  line(text: string): void;
  /** Data as it is, without a newline added. */
  raw(text: string): void;
  /** The result as JSON, indented on a terminal. */
  json(value: unknown): void;
  /** What is happening now; shown on a terminal only. */
  progress(text: string): void;
}

/** What a command runs with. */
export interface CommandContext {
  readonly out: CommandOutput;
  /** `--json` was given. */
  readonly json: boolean;
  /** `--plan` was given: the host is one where nothing happens, and time brings nothing about. */
  readonly plan: boolean;
  /** Fires when the user interrupts. */
  readonly signal: AbortSignal;
  /** Words after the options, for commands that take some. */
  readonly words: readonly string[];
  /** The time-out of the command line, else this default. */
  readonly timeoutMs: (defaultMs: number) => number;
  /** Where the user sits, for a command that is a conversation; undefined where nobody does. */
  readonly openTerminal: (() => Terminal) | undefined;
}

/** A row of the command table. */
export interface Command {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** A command line of it, without its own name. */
  readonly example: string;
  readonly options: Options;
  /** What words after the options are, as the help calls them; without it there can be none. */
  readonly takesWords: string | undefined;
  /** Commands that change something first finish what a dead process left undone. */
  readonly changes: boolean;
  /** Why there is no telling beforehand what a command that changes something would do. */
  readonly noPlan: string | undefined;
  readonly run: (host: Host, values: Values<Options>, context: CommandContext) => Promise<void>;
}

interface CommandRow<O extends Options> {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly example: string;
  readonly options: O;
  readonly takesWords?: string;
  readonly changes: boolean;
  readonly noPlan?: string;
  readonly run: (host: Host, values: Values<O>, context: CommandContext) => Promise<void>;
}

/** A row whose `run` gets its options typed by their own rows. */
export function command<O extends Options>(row: CommandRow<O>): Command {
  const { name, aliases = [], summary, example, options, takesWords, changes, noPlan } = row;
  return {
    name,
    aliases,
    summary,
    example,
    options,
    takesWords,
    changes,
    noPlan,
    // The parser makes the values from these same option rows, so they have the types the rows say.
    run: (host, values, context) => row.run(host, values as Values<O>, context),
  };
}
