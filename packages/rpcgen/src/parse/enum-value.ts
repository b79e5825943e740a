import { INTEGER_RANGES, isIntegerCode } from '../model/dbus-type.ts';
import type { EnumCode } from '../model/model.ts';

/** The base types that an enumeration can have. */
const ENUM_CODES: readonly string[] = ['y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's'];

/** Tells whether a signature is a base type of enumerations. */
export function isEnumCode(code: string): code is EnumCode {
  return ENUM_CODES.includes(code);
}

/**
 * Gives the value of an enumeration in one spelling: decimal for integers (hexadecimal is read too), `true` or
 * `false` for booleans, the text itself for strings. Gives undefined when the text is no value of that type.
 */
export function normaliseEnumValue(text: string, code: EnumCode): string | undefined {
  if (code === 's') return text;
  const trimmed = text.trim();
  if (code === 'b') {
    if (['true', '1'].includes(trimmed)) return 'true';
    return ['false', '0'].includes(trimmed) ? 'false' : undefined;
  }
  if (code === 'd') {
    const number = trimmed === '' ? Number.NaN : Number(trimmed);
    return Number.isFinite(number) ? String(number) : undefined;
  }
  const match = /^(?<sign>[+-]?)(?<digits>\d{1,20}|0[xX][0-9a-fA-F]{1,16})$/.exec(trimmed)?.groups;
  if (match === undefined || !isIntegerCode(code)) return undefined;
  const value = BigInt(match['digits'] ?? '') * (match['sign'] === '-' ? -1n : 1n);
  const [least, most] = INTEGER_RANGES[code];
  return value >= least && value <= most ? String(value) : undefined;
}
