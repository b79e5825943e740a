/** The part of a benchmark that is asked for, or all of them. Throws RangeError for one that there is not. */
export function chosenParts<T extends string>(
  all: readonly T[],
  only: string | undefined,
): readonly T[] {
  const parts = all.filter((part) => only === undefined || part === only);
  if (parts.length === 0) throw new RangeError(`There is no part "${only}": ${all.join(', ')}`);
  return parts;
}
