/** Longest word that is compared; a longer one is no misspelling. */
const WORD_MAX = 64;

/** Characters that may differ, at most; one in four of a shorter word. */
const EDITS_MAX = 3;

/** Any two words shorter than this are near each other. */
const COMPARABLE_MIN = 3;

/** The known words that were probably meant by a misspelled one, the most similar first; case does not count. Pure. */
export function nearestWords(word: string, known: readonly string[]): readonly string[] {
  if (word.length < COMPARABLE_MIN || word.length > WORD_MAX) return [];
  const wanted = word.toLowerCase();
  const allowed = Math.min(EDITS_MAX, Math.max(1, Math.floor(word.length / 4)));
  return [...new Set(known)]
    .map((candidate) => ({ candidate, edits: editsBetween(wanted, candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= allowed)
    .sort((left, right) => left.edits - right.edits)
    .map(({ candidate }) => candidate);
}

/**
 * Characters to insert, remove, replace, or swap with their neighbour to get from one word to the other (optimal string
 * alignment), row by row of the usual table.
 */
function editsBetween(word: string, other: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= word.length; at += 1) {
    const next = [at];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = word[at - 1] === other[column - 1];
      const isSwap = word[at - 1] === other[column - 2] && word[at - 2] === other[column - 1];
      next.push(
        Math.min(
          (row[column - 1] ?? 0) + (isSame ? 0 : 1),
          (row[column] ?? 0) + 1,
          (next[column - 1] ?? 0) + 1,
          at > 1 && column > 1 && isSwap ? (before[column - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    before = row;
    row = next;
  }
  return row.at(-1) ?? 0;
}
