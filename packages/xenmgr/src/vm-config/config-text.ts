/** Lines `key=value` of a configuration, which has no escapes: what does not fit on a line is refused. */
import { ConfigError } from '@xenops/core/errors';

/** One line. */
export interface ConfigLine {
  readonly key: string;
  readonly value: string;
}

export function line(key: string, value: string | number | boolean): ConfigLine {
  return { key, value: String(value) };
}

const CONTROL = /[\u0000-\u001f\u007f]/;

/** The text of a configuration. Throws CONFIG_BAD_VALUE for a value that would end its line. */
export function renderLines(lines: readonly ConfigLine[]): string {
  return lines.map(({ key, value }) => `${key}=${fitting(key, value, CONTROL)}\n`).join('');
}

/** A part of a value between separators. Throws CONFIG_BAD_VALUE when it has the separator. */
export function part(key: string, value: string, separator: ':' | ','): string {
  return fitting(key, value, separator === ':' ? /:/ : /,/);
}

function fitting(key: string, value: string, refused: RegExp): string {
  const found = refused.exec(value)?.[0];
  if (found === undefined) return value;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The configuration line ${key} cannot hold the character ${JSON.stringify(found)}`,
    context: { key, value: value.slice(0, 80) },
  });
}
