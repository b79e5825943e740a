/** Values of properties as the texts of the database, and the checks that a new value has to pass. */
import { ConfigError } from '@xenops/core/errors';
import type { Check, PropertyRow, StoredRow, StoredValue } from './property-row.ts';

const LIST_SEPARATOR = ';';
const MILLISECONDS_PER_SECOND = 1000;

const CONTROL = /[\u0000-\u001f\u007f]/;

/** The value as it will be kept: trimmed where the row says so. Throws CONFIG_BAD_VALUE for one that may not be. */
export function checkedValue(row: PropertyRow, value: unknown): StoredValue {
  const wanted = row.type === 'b' ? 'boolean' : row.type === 'i' ? 'number' : 'string';
  if (typeof value === 'boolean' && wanted === 'boolean') return value;
  if (typeof value === 'number' && wanted === 'number' && Number.isInteger(value)) {
    return checked(row, value);
  }
  if (typeof value === 'string' && wanted === 'string') {
    return checked(row, row.kind === 'stored' && row.trimmed ? value.trim() : value);
  }
  throw badValue(row, value, `a value of the D-Bus type ${row.type}`);
}

function checked(row: PropertyRow, value: string | number): StoredValue {
  const wanted = violation(row.check, value);
  if (wanted !== undefined) throw badValue(row, value, wanted);
  return value;
}

/** What a value would have to be; undefined when it is that. */
function violation(check: Check, value: string | number): string | undefined {
  const text = String(value);
  switch (check.kind) {
    case 'any':
      return undefined;
    case 'range':
      return Number(value) >= check.min && Number(value) <= check.max
        ? undefined
        : `${check.min} to ${check.max}`;
    case 'choice':
      return check.of.includes(text) ? undefined : `one of ${check.of.join(', ')}`;
    case 'line':
      return CONTROL.test(text) ? 'one line without control characters' : undefined;
    case 'form':
      return CONTROL.test(text) || !check.form.test(text) ? check.hint : undefined;
  }
}

function badValue(row: PropertyRow, value: unknown, wanted: string): ConfigError {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
  return new ConfigError('CONFIG_BAD_VALUE', {
    message: `The property ${row.name} cannot be ${shown}; it must be ${wanted}`,
    context: { property: row.name },
  });
}

/** A value in the database: a text, the items of a list, or undefined for a missing node. */
export type StoredForm = string | readonly string[] | undefined;

/** How a checked value is stored. */
export function encodeValue(row: StoredRow, value: StoredValue): StoredForm {
  switch (row.encoding) {
    case 'plain':
      return String(value);
    case 'inverted':
      return value === row.default ? undefined : String(value === false);
    case 'optional':
      return value === row.default || (typeof value === 'number' && value <= 0)
        ? undefined
        : String(value);
    case 'list':
      return String(value)
        .split(LIST_SEPARATOR)
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'seconds':
      return String(Number(value) / MILLISECONDS_PER_SECOND);
  }
}

/** The value of what is stored; undefined when that is nothing, or nothing that the property can be. */
export function decodeValue(row: StoredRow, stored: StoredForm): StoredValue | undefined {
  if (stored === undefined) return undefined;
  if (row.encoding === 'list') return [stored].flat().join(LIST_SEPARATOR);
  if (typeof stored !== 'string') return undefined;
  if (row.type === 's') return stored;
  return row.type === 'b' ? decodeFlag(row, stored) : decodeNumber(row, stored);
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', '1'].map((text) => [text, true] as const),
  ...['false', 'no', '0'].map((text) => [text, false] as const),
]);

function decodeFlag(row: StoredRow, stored: string): boolean | undefined {
  const flag = FLAGS.get(stored.trim().toLowerCase());
  if (flag === undefined) return undefined;
  return row.encoding === 'inverted' ? !flag : flag;
}

function decodeNumber(row: StoredRow, stored: string): number | undefined {
  if (!/^ *-?[0-9]+(\.[0-9]+)? *$/.test(stored)) return undefined;
  const number = Number(stored) * (row.encoding === 'seconds' ? MILLISECONDS_PER_SECOND : 1);
  return Number.isSafeInteger(Math.round(number)) ? Math.round(number) : undefined;
}
