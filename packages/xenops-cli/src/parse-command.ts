/** One command's words to its values, by commander, from the option rows. */
import { ConfigError } from '@xenops/core/errors';
import { CommanderError, Command as Parser } from 'commander';
import { GLOBAL_OPTIONS, normaliseWords } from './argv.ts';
import type { Command } from './commands/command.ts';
import { SECONDS, type AnyOption, type Options, type Values } from './commands/option.ts';

/** Options of every command, as given. */
export interface GlobalValues {
  readonly connect: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
  readonly debug: boolean;
  readonly plan: boolean;
  readonly verbose: boolean;
}

/** What came of the words. */
export type Parsed =
  | {
      readonly kind: 'run';
      readonly values: Values<Options>;
      readonly words: readonly string[];
      readonly global: GlobalValues;
    }
  | { readonly kind: 'help'; readonly text: string }
  /** An option that does not exist or lacks its value. */
  | { readonly kind: 'bad-option'; readonly message: string }
  /** A required argument is missing, or a value cannot be read. */
  | { readonly kind: 'bad-argument'; readonly name: string; readonly cause: unknown };

/** Parses the words after the command's name. */
export function parseCommand(row: Command, words: readonly string[]): Parsed {
  const choices = new Map<string, string>();
  const parser = buildParser(row, choices);
  try {
    parser.parse([...normaliseWords(words, row.options)], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: commandHelp(row) };
    return { kind: 'bad-option', message: optionMessage(error, parser.args) };
  }
  return readValues(row, parser, choices);
}

/** Commander's words, but for what it says of words that belong to no option. */
function optionMessage({ code, message }: CommanderError, words: readonly string[]): string {
  return code === 'commander.excessArguments'
    ? `what is "${words[0] ?? ''}" for? It belongs to no option`
    : message.replace(/^error: /, '');
}

/** The help text of one command. */
export function commandHelp(row: Command): string {
  return `${buildParser(row, new Map()).helpInformation()}\nexample: ${exampleOf(row)}\n`;
}

/** A whole command line, as one would type it. */
export function exampleOf({ name, example }: Command): string {
  return ['xenops', name, example].filter((word) => word !== '').join(' ');
}

function buildParser(row: Command, choices: Map<string, string>): Parser {
  const parser = new Parser(`xenops ${row.name}`)
    .summary(row.summary)
    .description(describe(row))
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  for (const [key, option] of Object.entries(row.options)) addOption(parser, key, option, choices);
  if (row.takesWords !== undefined) parser.argument(`<${row.takesWords}...>`);
  for (const { flag, short, placeholder, doc, onlyChanges = false } of GLOBAL_OPTIONS) {
    // A command may give one of them a meaning of its own, as watchdog does with timeout.
    if (flag in row.options || (onlyChanges && !hasPlan(row))) continue;
    const name = short === undefined ? `--${flag}` : `-${short}, --${flag}`;
    parser.option(placeholder === undefined ? name : `${name} <${placeholder}>`, doc);
  }
  return parser;
}

function hasPlan({ changes, noPlan }: Command): boolean {
  return changes && noPlan === undefined;
}

function describe({ summary, aliases }: Command): string {
  return aliases.length === 0 ? summary : `${summary} (also: ${aliases.join(', ')})`;
}

function addOption(
  parser: Parser,
  key: string,
  option: AnyOption,
  choices: Map<string, string>,
): void {
  switch (option.kind) {
    case 'flag':
      parser.option(
        option.short === undefined ? `--${key}` : `-${option.short}, --${key}`,
        option.doc,
      );
      return;
    case 'choice':
      for (const name of option.flags) {
        parser.option(`--${name}`, option.doc);
        parser.on(`option:${name}`, () => choices.set(key, name));
      }
      return;
    case 'value': {
      const { doc, required, fallbackText, placeholder } = option;
      const fallback = fallbackText === undefined ? '' : ` (default: ${fallbackText})`;
      const note = required ? ' (required)' : fallback;
      parser.option(`--${key} <${placeholder}>`, `${doc}${note}`);
    }
  }
}

function readValues(row: Command, parser: Parser, choices: ReadonlyMap<string, string>): Parsed {
  const given: Readonly<Record<string, unknown>> = parser.opts();
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(row.options)) {
    const taken = option.kind === 'choice' ? choices.get(key) : given[camelCase(key)];
    const text = typeof taken === 'string' ? taken : undefined;
    if (option.kind === 'flag') {
      values[key] = taken === true;
    } else if (text === undefined) {
      if (option.required) return { kind: 'bad-argument', name: key, cause: missing(key, option) };
      values[key] = option.kind === 'value' ? option.fallback : undefined;
    } else {
      try {
        values[key] = option.kind === 'value' ? option.parse(text) : text;
      } catch (cause) {
        return { kind: 'bad-argument', name: key, cause };
      }
    }
  }
  const common = Object.entries(given).filter(([key]) => !(key in row.options));
  return withGlobals(values, parser.args, Object.fromEntries(common));
}

function missing(key: string, option: AnyOption): ConfigError {
  const what =
    option.kind === 'choice'
      ? `one of ${option.flags.map((flag) => `--${flag}`).join(', ')}`
      : `--${key}`;
  return new ConfigError('CONFIG_BAD_VALUE', { message: `This command needs ${what}` });
}

/** The key under which commander keeps an option: `backend-domid` is `backendDomid`. */
function camelCase(flag: string): string {
  return flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function withGlobals(
  values: Record<string, unknown>,
  words: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Parsed {
  const { connect, timeout, json, debug, plan, verbose } = given;
  let timeoutMs: number | undefined;
  try {
    if (typeof timeout === 'string') timeoutMs = SECONDS.parse(timeout) * 1000;
  } catch (cause) {
    return { kind: 'bad-argument', name: 'timeout', cause };
  }
  const global = {
    connect: typeof connect === 'string' ? connect : undefined,
    timeoutMs,
    json: json === true,
    debug: debug === true,
    plan: plan === true,
    verbose: verbose === true,
  };
  // Each value was read by the row of its own option.
  return { kind: 'run', values: values as Values<Options>, words, global };
}
