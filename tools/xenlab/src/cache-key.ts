// Names of cached things: a digest of all that went into them. Pure.
import { createHash } from 'node:crypto';

/** A short name that changes with any of the inputs, whatever the order of their keys. */
export function cacheKey(
  inputs: Readonly<Record<string, string | number | readonly string[]>>,
): string {
  const sorted = Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}
