/** Index of the first item that was there before, or undefined. */
export function findDuplicate(items: readonly (string | number)[]): number | undefined {
  const seen = new Set<string | number>();
  for (const [index, item] of items.entries()) {
    if (seen.has(item)) return index;
    seen.add(item);
  }
  return undefined;
}
