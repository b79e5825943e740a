/**
 * Values as JSON text and back: what JSON has no form for is an object with one key that starts with `$`. Plain data
 * passes, and functions where both sides agree on numbers for them. Without a replacer and a reviver, which cost several times what the rest does: a
 * list of a thousand domains goes through here each time that one of them ends.
 */

type AnyFunction = (...args: readonly unknown[]) => unknown;

/** The value as one line of text. Functions get their numbers from `keep`, and are left out without it. */
export function encodeValue(value: unknown, keep?: (fn: AnyFunction) => number): string {
  return JSON.stringify(plainValue(value, keep));
}

/** The value of a line. Throws a SyntaxError when it is not one of ours. */
export function decodeValue(
  text: string,
  makeFunction?: (fn: number) => AnyFunction | undefined,
): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes('{"$') ? revivedValue(value, makeFunction) : value;
}

/** The value itself where JSON has a form for all of it, else a copy. */
function plainValue(value: unknown, keep: ((fn: AnyFunction) => number) | undefined): unknown {
  switch (typeof value) {
    case 'bigint':
      return { $bigint: value.toString() };
    case 'number':
      return Number.isFinite(value) ? value : { $number: String(value) };
    case 'function':
      return keep === undefined ? undefined : { $function: keep(value as AnyFunction) };
    case 'object':
      return value === null ? null : plainObject(value, keep);
    default:
      return value;
  }
}

function plainObject(value: object, keep: ((fn: AnyFunction) => number) | undefined): object {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map((part: unknown) => plainValue(part, keep));
  let copy: Record<string, unknown> | undefined;
  for (const [key, part] of Object.entries(value)) {
    const plain = plainValue(part, keep);
    if (plain === part) continue;
    copy ??= { ...value };
    copy[key] = plain;
  }
  return copy ?? value;
}

/** The same object, with what stood for something else put right. */
function revivedValue(
  value: unknown,
  makeFunction: ((fn: number) => AnyFunction | undefined) | undefined,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$bigint' in value) return BigInt(String(value.$bigint));
  if ('$number' in value) return Number(value.$number);
  if ('$bytes' in value) return new Uint8Array(Buffer.from(String(value.$bytes), 'base64'));
  if ('$function' in value) return makeFunction?.(Number(value.$function));
  // Parsed just now: nobody else has it.
  const parts = value as Record<string, unknown>;
  for (const key of Object.keys(parts)) {
    const part = parts[key];
    if (typeof part === 'object' && part !== null) parts[key] = revivedValue(part, makeFunction);
  }
  return value;
}
