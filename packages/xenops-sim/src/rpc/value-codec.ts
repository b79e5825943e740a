/**
 * Values as JSON text and back: what JSON has no form for is an object with one key that starts with `$`. Only plain
 * data passes.
 */

/** The value as one line of text. */
export function encodeValue(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return { $bigint: part.toString() };
    if (typeof part === 'number' && !Number.isFinite(part)) return { $number: String(part) };
    return part;
  });
}

/** The value of a line. Throws a SyntaxError when it is not one of ours. */
export function decodeValue(text: string): unknown {
  return JSON.parse(text, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if ('$bigint' in part) return BigInt(String(part.$bigint));
    if ('$number' in part) return Number(part.$number);
    return part;
  });
}
