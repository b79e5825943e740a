/**
 * Values as `xec` prints them, to the letter of the old client: lists and structs one element a line, a dictionary as
 * lines `"key" = value` between braces, everything else as it is. Pure.
 */
import { parseType, type DbusType } from '@xenops/rpcgen';
import type { Variant } from '@xenops/rpcgen/runtime';

/** Width of a dictionary's key with its quotes. */
const KEY_WIDTH = 30;

/** Width of a property's name with its quotes, in the list of all. */
const PROPERTY_WIDTH = 35;

/** The text of a value, without a newline at its end. The value is of its type. */
export function renderValue(type: DbusType, value: unknown): string {
  switch (type.kind) {
    case 'basic':
      return type.code === 'd' ? renderDouble(Number(value)) : String(value);
    case 'variant':
      return isVariant(value) ? renderVariant(value) : '';
    case 'array':
      return itemsOf(value)
        .map((item) => renderValue(type.element, item))
        .join('\n');
    case 'struct':
      return renderFields(type.fields, value);
    case 'dict':
      return renderEntries(entriesOf(value), (key, item) => {
        const name = quoted(renderValue(type.key, key), KEY_WIDTH);
        return `${name} = ${renderValue(type.value, item)}`;
      });
  }
}

/** The text of what a variant holds. */
export function renderVariant({ signature, value }: Variant): string {
  return renderValue(parseType(signature), value);
}

/** All properties of one interface; nothing when there are none. */
export function renderProperties(
  interfaceName: string,
  properties: ReadonlyMap<string, Variant>,
): string {
  if (properties.size === 0) return '';
  const entries = renderEntries([...properties], (name, value) => {
    return `${quoted(name, PROPERTY_WIDTH)} = ${renderVariant(value)}`;
  });
  return `${interfaceName}\n${entries}\n`;
}

/** The text with blanks after it up to a width in characters. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - Array.from(text).length));
}

function quoted(text: string, width: number): string {
  return pad(`"${text}"`, width);
}

function renderFields(types: readonly DbusType[], value: unknown): string {
  const fields = itemsOf(value);
  return types.map((type, index) => renderValue(type, fields[index])).join('\n');
}

function renderEntries<K, V>(
  entries: readonly (readonly [K, V])[],
  render: (key: K, value: V) => string,
): string {
  return `{\n${entries.map(([key, value]) => `  ${render(key, value)}\n`).join('')}}`;
}

/** From 0.1 up to ten million a decimal fraction, beyond that with an exponent, as the old client's language does. */
function renderDouble(value: number): string {
  if (Number.isNaN(value) || !Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const size = Math.abs(value);
  if (size >= 0.1 && size < 1e7) return withFraction(String(value));
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  return `${withFraction(mantissa)}e${exponent.replace('+', '')}`;
}

function withFraction(digits: string): string {
  return digits.includes('.') ? digits : `${digits}.0`;
}

/** The elements of an array or struct, as the run-time gives them. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) || value instanceof Uint8Array ? Array.from<unknown>(value) : [];
}

/** The entries of a dictionary, as the run-time gives them. */
export function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  return value instanceof Map ? [...(value as ReadonlyMap<unknown, unknown>)] : [];
}

/** Whether this is a variant, as the run-time gives them. */
export function isVariant(value: unknown): value is Variant {
  return typeof value === 'object' && value !== null && 'signature' in value && 'value' in value;
}
