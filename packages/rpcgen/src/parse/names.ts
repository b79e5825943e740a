/** The grammar of names. Source: D-Bus specification, "Valid Names". Each function gives a reason, or undefined. */
import { NAME_BYTES_MAX } from '../model/limits.ts';

const ELEMENT = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Why a text is no interface name (error names have the same grammar). */
export function whyNoInterfaceName(name: string): string | undefined {
  const elements = name.split('.');
  if (elements.length < 2) return 'it needs at least two elements separated by "."';
  if (!elements.every((element) => ELEMENT.test(element))) {
    return 'each element consists of letters, digits and "_" and starts with no digit';
  }
  return whyTooLong(name);
}

/** Why a text is no name of a method or signal. */
export function whyNoMemberName(name: string): string | undefined {
  if (!ELEMENT.test(name)) {
    return 'it consists of letters, digits and "_" and starts with no digit';
  }
  return whyTooLong(name);
}

/** Why a text is no name of a property. The wire takes any string; all known names are of these characters. */
export function whyNoPropertyName(name: string): string | undefined {
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    return 'it consists of letters, digits, "_", "-" and "."';
  }
  return whyTooLong(name);
}

/** Why a text is no name of an argument. It never travels; it must be printable, without spaces. */
export function whyNoArgName(name: string): string | undefined {
  if (!/^[\p{L}\p{N}_.-]*$/u.test(name)) {
    return 'it consists of letters, digits, "_", "-" and "."';
  }
  return whyTooLong(name);
}

/** Why a text is no name of an enumeration, or no suffix of one of its values. */
export function whyNoEnumName(name: string): string | undefined {
  return /^[A-Za-z0-9_]+$/.test(name) ? whyTooLong(name) : 'it consists of letters, digits and "_"';
}

function whyTooLong(name: string): string | undefined {
  return new TextEncoder().encode(name).length > NAME_BYTES_MAX
    ? `it has more than ${NAME_BYTES_MAX} bytes`
    : undefined;
}
