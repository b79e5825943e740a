/** One row of the table of keys. */
import type { ValueType } from './value-type.ts';

/**
 * When a changed value counts: `at-once`; at the `next-start` of the guest; `monitor`, when the monitor itself starts;
 * `never`, for keys that old files have and nothing reads.
 */
export type Applies = 'at-once' | 'next-start' | 'monitor' | 'never';

export interface ConfigKey<T> {
  /** As the file has it. */
  readonly name: string;
  readonly alias?: string | undefined;
  readonly type: ValueType<T>;
  readonly unit?: string | undefined;
  readonly default: T;
  readonly applies: Applies;
  /** Never shown, neither in logs nor in answers. */
  readonly isSecret: boolean;
  /** How `get` and `set` write it, where that is not the file's way. */
  readonly rpcType?: ValueType<T> | undefined;
  readonly doc: string;
}

/** A table with a row for every field of a configuration. */
export type KeyTable<Config> = { readonly [Field in keyof Config]: ConfigKey<Config[Field]> };

type KeyOptions<T> = Pick<ConfigKey<T>, 'doc'> &
  Partial<Pick<ConfigKey<T>, 'alias' | 'unit' | 'applies' | 'isSecret' | 'rpcType'>>;

/** A row; a key counts at the next start and is no secret unless said. */
export function key<T>(
  name: string,
  type: ValueType<T>,
  defaultValue: NoInfer<T>,
  options: KeyOptions<NoInfer<T>>,
): ConfigKey<T> {
  return { name, type, default: defaultValue, applies: 'next-start', isSecret: false, ...options };
}
