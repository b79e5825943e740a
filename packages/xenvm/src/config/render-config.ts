/** A configuration as text of a file, or as JSON, with or without its secrets. */
import { defaultConfig, KEY_ROWS, type KeyRow } from './config-keys.ts';
import type { ValueSchema } from './value-type.ts';
import type { VmConfig } from './vm-config.ts';

/** What stands for a secret. */
export const REDACTED = '********';

export interface RenderOptions {
  /** Shown only where the owner asked for a file that works; in logs and answers never. */
  readonly withSecrets: boolean;
}

/** A file that parses to the same configuration; keys at their defaults are left out. */
export function renderConfig(config: VmConfig, options: RenderOptions): string {
  const defaults = defaultConfig({ hasFile: true });
  const lines = KEY_ROWS.flatMap((row) => {
    const own = linesOf(row, config, options);
    const usual = linesOf(row, defaults, options);
    const isUsual =
      own.length === usual.length && own.every((line, index) => line === usual[index]);
    return isUsual ? [] : own.map((line) => `${row.key.name} = ${line}`);
  });
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

export type JsonValue = string | number | boolean | readonly JsonValue[];

/** By key, in the units of the file; what is not set is left out. Described by the JSON Schema of the table. */
export function configToJson(
  config: VmConfig,
  options: RenderOptions,
): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(
    KEY_ROWS.flatMap((row) => {
      const { type } = row.key;
      const lines = linesOf(row, config, options);
      const isList = type.schema.type === 'array';
      if (!isList && lines.length === 0) return [];
      const value = isList ? [...lines] : jsonOf(lines[0] ?? '', type.schema);
      return [[row.key.name, value] as const];
    }),
  );
}

function jsonOf(text: string, { type }: ValueSchema): JsonValue {
  if (type === 'integer') return Number(text);
  return type === 'boolean' ? text === 'true' : text;
}

/** The lines of a key's value; stars for each line of a secret. */
export function linesOf(
  { field, key }: KeyRow,
  config: VmConfig,
  { withSecrets }: RenderOptions,
): readonly string[] {
  const lines = key.type.lines(config[field]);
  return key.isSecret && !withSecrets ? lines.map(() => REDACTED) : lines;
}
