/** The table of keys: the one place that names them. Parser, `get` and `set`, help and schema are derived from it. */
import { ConfigError } from '@xenops/core/errors';
import { nearestWords } from '@xenops/core/nearest';
import type { ConfigKey, KeyTable } from './config-key.ts';
import { DEVICE_KEYS } from './keys/device-keys.ts';
import { HARDWARE_KEYS } from './keys/hardware-keys.ts';
import { MODEL_KEYS } from './keys/model-keys.ts';
import { MONITOR_KEYS } from './keys/monitor-keys.ts';
import { quoted } from './value-type.ts';
import type { ConfigField, VmConfig } from './vm-config.ts';

export const CONFIG_KEYS: KeyTable<VmConfig> = {
  ...MONITOR_KEYS,
  ...HARDWARE_KEYS,
  ...MODEL_KEYS,
  ...DEVICE_KEYS,
};

/** A row and the field it is for, without the type of its value. */
export interface KeyRow {
  readonly field: ConfigField;
  readonly key: ConfigKey<unknown>;
}

/** The rows in the order of the table. */
export const KEY_ROWS: readonly KeyRow[] = Object.entries(CONFIG_KEYS).map(([field, key]) => ({
  // The table has a row for every field and no other.
  field: field as ConfigField,
  key,
}));

const BY_NAME: ReadonlyMap<string, KeyRow> = new Map(
  KEY_ROWS.flatMap((row) =>
    [row.key.name, row.key.alias].flatMap((name) =>
      name === undefined ? [] : [[name, row] as const],
    ),
  ),
);

/** The row of a key by the name that files use, or undefined. */
export function findKeyRow(name: string): KeyRow | undefined {
  return BY_NAME.get(name);
}

/** All names a file may use. */
export const KEY_NAMES: readonly string[] = [...BY_NAME.keys()];

/** The row of a key. Throws CONFIG_BAD_VALUE, with the name that was probably meant. */
export function getKeyRow(name: string): KeyRow {
  const row = findKeyRow(name);
  if (row !== undefined) return row;
  const [meant] = nearestWords(name, KEY_NAMES);
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `No key has the name ${quoted(name)}${meant === undefined ? '' : `; was ${meant} meant?`}`,
    context: { field: name.slice(0, 64) },
  });
}

/** The configuration of a file that says nothing. Without a file nothing is started: `startup` is `shutdown`. */
export function defaultConfig({ hasFile }: { readonly hasFile: boolean }): VmConfig {
  const defaults = Object.fromEntries(KEY_ROWS.map(({ field, key }) => [field, key.default]));
  const config = defaults as unknown as VmConfig;
  return hasFile ? config : { ...config, startup: { kind: 'shutdown' } };
}
