/**
 * Values as JSON text and back: what JSON has no form for is an object with one key that starts with `$`. Plain data
 * passes, and functions where both sides agree on numbers for them.
 */

type AnyFunction = (...args: readonly unknown[]) => unknown;

/** The value as one line of text. Functions get their numbers from `keep`, and are left out without it. */
export function encodeValue(value: unknown, keep?: (fn: AnyFunction) => number): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return { $bigint: part.toString() };
    if (typeof part === 'number' && !Number.isFinite(part)) return { $number: String(part) };
    if (typeof part === 'function' && keep !== undefined) {
      return { $function: keep(part as AnyFunction) };
    }
    // A Buffer has turned itself into an object by now.
    if (isBufferJson(part)) return { $bytes: Buffer.from(part.data).toString('base64') };
    if (part instanceof Uint8Array) return { $bytes: Buffer.from(part).toString('base64') };
    return part;
  });
}

/** The value of a line. Throws a SyntaxError when it is not one of ours. */
export function decodeValue(
  text: string,
  makeFunction?: (fn: number) => AnyFunction | undefined,
): unknown {
  return JSON.parse(text, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if ('$bigint' in part) return BigInt(String(part.$bigint));
    if ('$number' in part) return Number(part.$number);
    if ('$bytes' in part) return new Uint8Array(Buffer.from(String(part.$bytes), 'base64'));
    if ('$function' in part) return makeFunction?.(Number(part.$function));
    return part;
  });
}

function isBufferJson(part: unknown): part is { readonly data: readonly number[] } {
  if (typeof part !== 'object' || part === null) return false;
  return 'type' in part && part.type === 'Buffer' && 'data' in part && Array.isArray(part.data);
}
