/** `get` and `set`: single keys as text, in the units of the old RPC. A list has one line for each item. */
import { ConfigError } from '@xenops/core/errors';
import { checkConfig } from './check-config.ts';
import { getKeyRow, type KeyRow } from './config-keys.ts';
import { requiredToBootKib } from './footprint.ts';
import { WHOLE_FILE } from './problem.ts';
import { REDACTED } from './render-config.ts';
import type { ValueType } from './value-type.ts';
import type { VmConfig } from './vm-config.ts';

/** A value that is computed, and that the old RPC counts among the keys. */
const REQUIRED_TO_BOOT = 'required-to-boot-kib';

/** The text of a key's value; empty when it is not set. Throws CONFIG_BAD_VALUE for a name that is none. */
export function getField(config: VmConfig, name: string): string {
  if (name === REQUIRED_TO_BOOT) return String(requiredToBootKib(config));
  const { field, key } = getKeyRow(name);
  const lines = rpcTypeOf({ field, key }).lines(config[field]);
  return key.isSecret && lines.length > 0 ? REDACTED : lines.join('\n');
}

/**
 * The configuration with one key changed. Throws CONFIG_BAD_VALUE for a name that is none, a value that is bad, or one that does
 * not go with the others; `set` several in the right order then, or change the file.
 */
export function setField(config: VmConfig, name: string, text: string): VmConfig {
  const row = getKeyRow(name);
  const { field, key } = row;
  const type = rpcTypeOf(row);
  const isList = type.schema.type === 'array';
  const lines = isList ? text.split('\n').filter((line) => line !== '') : [text];
  let value: unknown = isList ? [] : key.default;
  for (const line of lines) value = type.merge(value, parseField(row, type, line));
  const changed: VmConfig = { ...config, [field]: value };
  assertNoWorse(config, changed);
  return changed;
}

function parseField({ key }: KeyRow, type: ValueType<unknown>, text: string): unknown {
  try {
    return type.parse(text);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const message = key.isSecret ? `Its value is no ${key.type.name}` : cause.message;
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `${key.name} cannot be set: ${message}`,
      context: { key: key.name },
      cause: key.isSecret ? undefined : cause,
    });
  }
}

/** A change must not bring a contradiction that was not there. */
function assertNoWorse(before: VmConfig, after: VmConfig): void {
  const tell = (config: VmConfig): readonly string[] =>
    checkConfig(config, () => WHOLE_FILE)
      .filter(({ severity }) => severity === 'error')
      .map(({ key, message }) => `${key}: ${message}`);
  const known = tell(before);
  const fresh = tell(after).find((message) => !known.includes(message));
  if (fresh === undefined) return;
  throw new ConfigError('CONFIG_BAD_VALUE', { message: `The value cannot be set: ${fresh}` });
}

function rpcTypeOf({ key }: KeyRow): ValueType<unknown> {
  return key.rpcType ?? key.type;
}
