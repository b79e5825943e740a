/** Longest word that is compared; a longer one is no misspelling. */
const WORD_MAX = 64;

/** Characters that may differ, at most; one in four of a shorter word. */
const EDITS_MAX = 3;

/** Names that are offered, at most. */
const SUGGESTIONS_MAX = 3;

/** The known names that were probably meant: the most similar ones, or else those that begin with the word. Pure. */
export function suggest(word: string, known: readonly string[]): readonly string[] {
  if (word.length > WORD_MAX) return [];
  const wanted = word.toLowerCase();
  const allowed = Math.min(EDITS_MAX, Math.max(1, Math.floor(word.length / 4)));
  const names = [...new Set(known)];
  const similar = names
    .map((name) => ({ name, edits: editsFrom(wanted, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= allowed)
    .sort((left, right) => left.edits - right.edits)
    .map(({ name }) => name);
  const found = similar.length > 0 ? similar : names.filter((name) => isBeginning(wanted, name));
  return found.slice(0, SUGGESTIONS_MAX);
}

/** The end of an error message: `; did you mean "start" or "start-internal"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const names = suggest(word, known).map((name) => JSON.stringify(name));
  return names.length === 0 ? '' : `; did you mean ${names.join(' or ')}?`;
}

/** Two letters are no beginning yet: everything would be offered. */
function isBeginning(word: string, name: string): boolean {
  return word.length > 2 && name.toLowerCase().startsWith(word);
}

/** Characters to insert, remove or replace to get from one word to the other. */
function editsFrom(word: string, name: string): number {
  let row = Array.from({ length: name.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(word).entries()) {
    const next = [index + 1];
    for (const [column, other] of Array.from(name).entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
