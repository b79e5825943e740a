/**
 * What the values of a key look like: how text becomes a value, and a value text again. A type knows nothing of files,
 * lines or names; where in the text it stumbled is told as an offset.
 */
import { ConfigError, hasCode } from '@xenops/core/errors';

/** The part of JSON Schema (2020-12) that values need. */
export interface ValueSchema {
  readonly type: 'string' | 'integer' | 'boolean' | 'array';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly items?: ValueSchema;
  readonly minItems?: number;
}

/** How values of one type are written. `T` is what the rest of the program sees. */
export interface ValueType<T> {
  /** For documentation, as in "integer", "path", "yes or no". */
  readonly name: string;
  readonly schema: ValueSchema;
  /** The value of one line's text. Throws CONFIG_BAD_VALUE by `badValue`. */
  parse(text: string): T;
  /** The lines that give this value again: none when it is not set, several for a list. */
  lines(value: T): readonly string[];
  /** What a key has after a further line: a list grows, any other value is replaced. */
  merge(before: T, added: T): T;
}

/** The error of a value: what is wrong and what would be right, and at which character of the text. */
export function badValue(message: string, offset = 0): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', { message, context: { offset } });
}

/** Runs a parser on a part of a text, so that offsets in its errors count from the start of the whole. */
export function within<T>(partOffset: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConfigError) || !hasCode(error, 'CONFIG_BAD_VALUE')) throw error;
    throw badValue(error.message, partOffset + offsetOf(error));
  }
}

/** The character of the text that a value's error is about. */
export function offsetOf(error: ConfigError): number {
  const { offset } = error.context;
  return typeof offset === 'number' ? offset : 0;
}

/** Text of a configuration as a message shows it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}

/** A type whose values take one line. */
export function scalar<T>(
  name: string,
  schema: ValueSchema,
  { parse, render }: { readonly parse: (text: string) => T; readonly render: (value: T) => string },
): ValueType<T> {
  return {
    name,
    schema,
    parse,
    lines: (value) => [render(value)],
    merge: (_before, added) => added,
  };
}

/** The same, where empty text means that nothing is set. */
export function optional<T>(type: ValueType<T>): ValueType<T | undefined> {
  return {
    name: type.name,
    schema: type.schema,
    parse: (text) => (text === '' ? undefined : type.parse(text)),
    lines: (value) => (value === undefined ? [] : type.lines(value)),
    merge: (_before, added) => added,
  };
}

/** A list that gets one item from each line. */
export function listOf<T>(item: ValueType<T>): ValueType<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    schema: { type: 'array', items: item.schema },
    parse: (text) => [item.parse(text)],
    lines: (values) => values.flatMap((value) => item.lines(value)),
    merge: (before, added) => [...before, ...added],
  };
}

/** A part of a text and where it starts. */
export interface Piece {
  readonly text: string;
  readonly offset: number;
}

/** Splits at each separator, keeping where the parts start. */
export function splitPieces(text: string, separator: string, startOffset = 0): readonly Piece[] {
  let offset = startOffset;
  return text.split(separator).map((part) => {
    const piece = { text: part, offset };
    offset += part.length + separator.length;
    return piece;
  });
}

/** Splits `key=value` at the first `=`; `value` is undefined without one. */
export function splitPair({ text, offset }: Piece): {
  readonly key: string;
  readonly value: Piece | undefined;
} {
  const at = text.indexOf('=');
  if (at < 0) return { key: text, value: undefined };
  return { key: text.slice(0, at), value: { text: text.slice(at + 1), offset: offset + at + 1 } };
}
