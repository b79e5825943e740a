/**
 * D-Bus types as a tree. Only what the specification allows can be built by the parser (`signature.ts`): dictionary
 * keys are basic, dictionaries exist only as a whole (`a{kv}`), and structs have at least one field.
 * Source: D-Bus specification, "Type System".
 */

/** The codes of the basic types. */
export const BASIC_CODES = [
  'y',
  'b',
  'n',
  'q',
  'i',
  'u',
  'x',
  't',
  'd',
  's',
  'o',
  'g',
  'h',
] as const;

/** The code of a basic type, such as `u` for an unsigned 32-bit integer. */
export type BasicCode = (typeof BASIC_CODES)[number];

/** One number, boolean, string, object path, signature or file descriptor. */
export interface BasicType {
  readonly kind: 'basic';
  readonly code: BasicCode;
}

/** `v`: a value that carries its own type. */
export interface VariantType {
  readonly kind: 'variant';
}

/** `aT`, where T is anything but a dictionary entry. */
export interface ArrayType {
  readonly kind: 'array';
  readonly element: DbusType;
}

/** `a{KV}`. */
export interface DictType {
  readonly kind: 'dict';
  readonly key: BasicType;
  readonly value: DbusType;
}

/** `(T...)`, with at least one field. */
export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly DbusType[];
}

/** One complete D-Bus type. */
export type DbusType = BasicType | VariantType | ArrayType | DictType | StructType;

/** Tells whether a character is the code of a basic type. */
export function isBasicCode(code: string): code is BasicCode {
  return (BASIC_CODES as readonly string[]).includes(code);
}

/** The smallest and largest value of each integer type. */
export const INTEGER_RANGES = {
  y: [0n, 0xffn],
  n: [-0x8000n, 0x7fffn],
  q: [0n, 0xffffn],
  i: [-0x8000_0000n, 0x7fff_ffffn],
  u: [0n, 0xffff_ffffn],
  x: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
  t: [0n, 0xffff_ffff_ffff_ffffn],
} as const;

/** Tells whether the values of a basic type are integers. File descriptors (`h`) are not. */
export function isIntegerCode(code: string): code is keyof typeof INTEGER_RANGES {
  return code in INTEGER_RANGES;
}
