/** Types in words, for whoever has to write a value. Pure. */
import type { BasicType, DbusType } from '@xenops/rpcgen';

/** The smallest and the largest value. */
export interface IntegerRange {
  readonly least: bigint;
  readonly most: bigint;
}

const SIGNED_BITS: Readonly<Record<string, bigint>> = { n: 16n, i: 32n, x: 64n };
const UNSIGNED_BITS: Readonly<Record<string, bigint>> = { y: 8n, q: 16n, u: 32n, t: 64n };

/** The values of an integer type, by its code; undefined for other types. */
export function findIntegerRange(code: string): IntegerRange | undefined {
  const signed = SIGNED_BITS[code];
  if (signed !== undefined) {
    const limit = 1n << (signed - 1n);
    return { least: -limit, most: limit - 1n };
  }
  const unsigned = UNSIGNED_BITS[code];
  return unsigned === undefined ? undefined : { least: 0n, most: (1n << unsigned) - 1n };
}

/** What to write for a type, such as `a list such as ["text", "text"]`. `isInside` tells that it is in something. */
export function describeType(type: DbusType, isInside: boolean): string {
  switch (type.kind) {
    case 'basic':
      return describeBasic(type, isInside);
    case 'variant':
      return 'a signature, a colon and a value, such as i:5 or s:text';
    case 'array':
    case 'struct':
      return `a list such as ${exampleOf(type)}`;
    case 'dict':
      return `a dictionary such as ${exampleOf(type)}`;
  }
}

function describeBasic(type: BasicType, isInside: boolean): string {
  const range = findIntegerRange(type.code);
  if (range !== undefined) {
    return `a whole number from ${range.least.toString()} to ${range.most.toString()}`;
  }
  const quoted = isInside ? ` in quotes, such as ${exampleOf(type)}` : '';
  switch (type.code) {
    case 'b':
      return 'true, false, 1 or 0';
    case 'd':
      return 'a decimal number such as 1.5';
    case 's':
      return `a text${quoted}`;
    case 'o':
      return isInside ? `an object path${quoted}` : 'an object path such as /host';
    case 'g':
      return isInside ? `a signature${quoted}` : 'a signature such as a{ss}';
    default:
      return 'nothing: a file descriptor cannot be written as text';
  }
}

const BASIC_EXAMPLES: Readonly<Record<string, string>> = {
  b: 'true',
  d: '1.5',
  s: '"text"',
  o: '"/host"',
  g: '"a{ss}"',
};

function exampleOf(type: DbusType): string {
  switch (type.kind) {
    case 'basic':
      return BASIC_EXAMPLES[type.code] ?? '1';
    case 'variant':
      return 'i:5';
    case 'array':
      return `[${exampleOf(type.element)}, ${exampleOf(type.element)}]`;
    case 'struct':
      return `[${type.fields.map(exampleOf).join(', ')}]`;
    case 'dict':
      return `{${exampleOf(type.key)} : ${exampleOf(type.value)}}`;
  }
}
