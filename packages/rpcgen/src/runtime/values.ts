/**
 * How D-Bus values look in JavaScript: `y n q i u h d` are numbers, `x t` bigints, `b` booleans, `s o g` strings,
 * `ay` a Uint8Array, other arrays arrays, `a{KV}` a Map, structs arrays of fixed length, `v` a Variant.
 */
import { parseSignature } from '../model/signature.ts';
import { BusError } from './errors.ts';
import { isObjectPath } from './wire/names.ts';

declare const brand: unique symbol;

/** A string that is a valid object path. */
export type ObjectPath = string & { readonly [brand]: 'ObjectPath' };

/** A string that is a valid signature. */
export type Signature = string & { readonly [brand]: 'Signature' };

/** A value with its type. Those of a variant may be variants again. */
export interface Variant<T = unknown> {
  /** One complete type. */
  readonly signature: string;
  readonly value: T;
}

/** A file descriptor of this process. Who receives one closes it. */
export type UnixFd = number;

/** A value of an enumeration, or one that the generator did not know when it ran. */
export type OpenEnum<Known extends Base, Base> = Known | (Base & Record<never, never>);

/** Gives the text as an object path. Throws BusError `DBUS_BAD_NAME`. */
export function objectPath(text: string): ObjectPath {
  assertObjectPath(text);
  return text;
}

function assertObjectPath(text: string): asserts text is ObjectPath {
  if (!isObjectPath(text)) {
    throw new BusError('DBUS_BAD_NAME', {
      message: 'An object path is "/" or parts of letters, digits and "_", each with "/" before it',
      context: { path: text },
    });
  }
}

/** Gives the text as a signature. Throws BusError `DBUS_BAD_SIGNATURE`. */
export function signature(text: string): Signature {
  assertSignature(text);
  return text;
}

function assertSignature(text: string): asserts text is Signature {
  try {
    parseSignature(text);
  } catch (cause) {
    throw new BusError('DBUS_BAD_SIGNATURE', {
      message: 'The text is no D-Bus signature',
      context: { signature: text },
      cause,
    });
  }
}

/** Puts a value and its type together. The value is checked when it is sent. */
export function variant<T>(type: string, value: T): Variant<T> {
  return { signature: type, value };
}
