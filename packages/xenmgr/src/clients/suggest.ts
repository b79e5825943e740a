/** What a user probably meant by a word that is not known. */
import { nearestWords } from '@xenops/core/nearest';

/** Names that are offered, at most. */
const SUGGESTIONS_MAX = 3;

/** The known names that were probably meant: the most similar ones, or else those that begin with the word. Pure. */
export function suggest(word: string, known: readonly string[]): readonly string[] {
  const similar = nearestWords(word, known);
  const names = [...new Set(known)];
  const found = similar.length > 0 ? similar : names.filter((name) => isBeginning(word, name));
  return found.slice(0, SUGGESTIONS_MAX);
}

/** The end of an error message: `; did you mean "start" or "start-internal"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const names = suggest(word, known).map((name) => JSON.stringify(name));
  return names.length === 0 ? '' : `; did you mean ${names.join(' or ')}?`;
}

/** Two letters are no beginning yet: everything would be offered. */
function isBeginning(word: string, name: string): boolean {
  return word.length > 2 && name.toLowerCase().startsWith(word.toLowerCase());
}
