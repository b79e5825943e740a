/**
 * From the text of a file to a configuration. The grammar is the old one: lines `key = value`, `#` at the start of a line for
 * comments, lists by repetition; no quotes, no escapes, no comments behind values. What is wrong is collected, with its
 * place, and all told at once; a line that is wrong has no effect.
 */
import { ConfigError } from '@xenops/core/errors';
import { nearestWords } from '@xenops/core/nearest';
import { checkConfig } from './check-config.ts';
import { defaultConfig, findKeyRow, KEY_NAMES, type KeyRow } from './config-keys.ts';
import { problem, WHOLE_FILE, type ConfigProblem, type Position } from './problem.ts';
import { offsetOf, quoted } from './value-type.ts';
import type { ConfigField, VmConfig } from './vm-config.ts';

/** Largest file that is read: room for thousands of lines, no room for a disk given by mistake. */
export const CONFIG_BYTES_MAX: number = 1 << 20;

export interface ParsedConfig {
  /** What the good lines say; defaults for the rest. */
  readonly config: VmConfig;
  /** In the order of the file. */
  readonly problems: readonly ConfigProblem[];
}

/** A line with a key, trimmed, and where its parts start. */
interface KeyLine {
  readonly key: string;
  readonly keyAt: Position;
  readonly value: string;
  readonly valueAt: Position;
}

/** Parses a file. Never throws: everything wrong is among the problems. */
export function parseConfig(text: string): ParsedConfig {
  if (text.length > CONFIG_BYTES_MAX) return tooLarge();
  const problems: ConfigProblem[] = [];
  const places = new Map<ConfigField, Position[]>();
  const values: Partial<Record<ConfigField, unknown>> = { ...defaultConfig({ hasFile: true }) };
  for (const [index, line] of text.split('\n').entries()) {
    const split = splitLine(line, index + 1);
    if (split === undefined) continue;
    if ('kind' in split) {
      problems.push(split);
      continue;
    }
    const row = findKeyRow(split.key);
    if (row === undefined) {
      problems.push(unknownKey(split));
      continue;
    }
    const parsed = parseValue(row, split);
    if ('problem' in parsed) {
      problems.push(parsed.problem);
      continue;
    }
    const before = places.get(row.field) ?? [];
    problems.push(...remarks(row, split, before));
    places.set(row.field, [...before, split.valueAt]);
    values[row.field] = row.key.type.merge(values[row.field], parsed.value);
  }
  // Every field has its default or what the parser of its own row made.
  const config = values as VmConfig;
  const placeOf = (field: ConfigField, item?: number): Position =>
    places.get(field)?.at(item ?? -1) ?? WHOLE_FILE;
  problems.push(...checkConfig(config, placeOf));
  return { config, problems: problems.sort((a, b) => a.line - b.line || a.column - b.column) };
}

function tooLarge(): ParsedConfig {
  const message = `It is longer than ${CONFIG_BYTES_MAX} bytes; this is no configuration of a VM`;
  return {
    config: defaultConfig({ hasFile: true }),
    problems: [problem('malformed-line', WHOLE_FILE, { key: 'file', message })],
  };
}

/** Undefined for a blank line or a comment. */
function splitLine(raw: string, line: number): KeyLine | ConfigProblem | undefined {
  const text = raw.replace(/[ \t\r]+$/, '');
  const start = text.search(/[^ \t]/);
  if (start < 0 || text[start] === '#') return undefined;
  const equals = text.indexOf('=', start);
  const at = { line, column: start + 1 };
  if (equals < 0) {
    return problem('malformed-line', at, {
      key: firstWord(text.slice(start)),
      message: 'The line has no =; key = value is the form, # starts a comment',
    });
  }
  const key = text.slice(start, equals).replace(/[ \t]+$/, '');
  if (key === '') {
    return problem('malformed-line', at, {
      key: '=',
      message: 'The line has no key before its =',
    });
  }
  const valueStart = equals + 1 + text.slice(equals + 1).search(/[^ \t]|$/);
  return {
    key,
    keyAt: at,
    value: text.slice(valueStart),
    valueAt: { line, column: valueStart + 1 },
  };
}

/** No more of a line than that is shown: the rest may be a secret. */
function firstWord(text: string): string {
  return quoted(/^\S*/.exec(text)?.[0] ?? '');
}

function unknownKey({ key, keyAt }: KeyLine): ConfigProblem {
  const [meant] = nearestWords(key, KEY_NAMES);
  return problem('unknown-key', keyAt, {
    key: key.length > 64 ? quoted(key) : key,
    message: `There is no such key${meant === undefined ? '' : `; was ${meant} meant?`}`,
  });
}

function parseValue(
  { key }: KeyRow,
  { value, valueAt }: KeyLine,
): { readonly value: unknown } | { readonly problem: ConfigProblem } {
  try {
    return { value: key.type.parse(value) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const at = { line: valueAt.line, column: valueAt.column + offsetOf(error) };
    // The message quotes the value.
    const message = key.isSecret ? `Its value is no ${key.type.name}` : error.message;
    return { problem: problem('bad-value', at, { key: key.name, message }) };
  }
}

/** What an operator should know of a line that is fine. */
function remarks(
  { key }: KeyRow,
  { keyAt }: KeyLine,
  before: readonly Position[],
): readonly ConfigProblem[] {
  const [previous] = before.slice(-1);
  if (key.applies === 'never') {
    return [problem('no-effect', keyAt, { key: key.name, message: 'The key has no effect' })];
  }
  if (previous === undefined || key.type.schema.type === 'array') return [];
  return [
    problem('repeated-key', keyAt, {
      key: key.name,
      message: `It stands in line ${previous.line} already; this one counts`,
    }),
  ];
}
