/** Pieces of C: comments, string literals, numbers. */
import type { Enum, EnumValue } from '../../model/model.ts';

/** Gives lines as a comment; none for none. */
export function comment(lines: readonly string[]): readonly string[] {
  const safe = lines.map((line) => line.replaceAll('*/', '* /').replaceAll('/*', '/ *'));
  const [first] = safe;
  if (first === undefined) return [];
  if (safe.length === 1) return [`/* ${first} */`];
  return ['/*', ...safe.map((line) => ` * ${line}`.trimEnd()), ' */'];
}

/** Gives a text as a string literal. Bytes beyond ASCII are written in octal, which nothing after them can extend. */
export function quoted(text: string): string {
  const bytes = [...new TextEncoder().encode(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    if (character === '"' || character === '\\') return `\\${character}`;
    // A question mark could be part of a trigraph.
    if (byte < 0x20 || byte > 0x7e || character === '?') {
      return `\\${byte.toString(8).padStart(3, '0')}`;
    }
    return character;
  });
  return `"${bytes.join('')}"`;
}

/** Gives a value of an enumeration as a constant expression. */
export function enumLiteral({ code }: Enum, { value }: EnumValue): string {
  switch (code) {
    case 's':
      return quoted(value);
    case 'b':
      return value === 'true' || value === '1' ? 'true' : 'false';
    case 'd':
      return Number.isInteger(Number(value)) ? `${Number(value)}.0` : String(Number(value));
    case 't':
      return `UINT64_C(${BigInt(value)})`;
    case 'x':
      return signed(BigInt(value), 'INT64_C');
    case 'u':
      return `UINT32_C(${BigInt(value)})`;
    case 'i':
      return signed(BigInt(value), 'INT32_C');
    default:
      return String(Number(value));
  }
}

/** The least value has no literal: without its sign it is one too large. */
function signed(value: bigint, macro: string): string {
  const isLeast = value === -0x8000_0000n || value === -0x8000_0000_0000_0000n;
  if (isLeast) return `(-${macro}(${-(value + 1n)}) - 1)`;
  return value < 0n ? `(-${macro}(${-value}))` : `${macro}(${value})`;
}
