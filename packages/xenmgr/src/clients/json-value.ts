/** Values as JSON. Pure. */
import { entriesOf, isVariant } from './render-value.ts';

/** What `JSON.stringify` takes. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * The value as JSON: lists, structs and bytes as arrays, dictionaries as objects, variants as what they hold. A 64-bit
 * number that a JSON number of JavaScript cannot hold is a text, and so is a number that is none.
 */
export function jsonOf(value: unknown): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Map) {
    return Object.fromEntries(entriesOf(value).map(([key, item]) => [String(key), jsonOf(item)]));
  }
  return isVariant(value) ? jsonOf(value.value) : null;
}
