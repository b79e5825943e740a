/** The grammar of D-Bus names. Source: D-Bus specification, "Valid Names" and "Valid Object Paths". */
import { NAME_BYTES_MAX } from '../limits.ts';

const MEMBER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const INTERFACE = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+$/;
const UNIQUE = /^:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/;
const WELL_KNOWN = /^[A-Za-z_-][A-Za-z0-9_-]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)+$/;
const PATH = /^\/(?:[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*)?$/;

/** Tells whether the text names a method or signal. */
export function isMemberName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && MEMBER.test(text);
}

/** Tells whether the text names an interface or an error. */
export function isInterfaceName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && INTERFACE.test(text);
}

/** Tells whether the text is a name that a connection has from the bus, such as `:1.7`. */
export function isUniqueName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && UNIQUE.test(text);
}

/** Tells whether the text is a bus name, unique or well-known. */
export function isBusName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && (WELL_KNOWN.test(text) || UNIQUE.test(text));
}

/** Tells whether the text is an object path. */
export function isObjectPath(text: string): boolean {
  return PATH.test(text);
}
