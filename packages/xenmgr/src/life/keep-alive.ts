/** Starting a VM again that went down although it should run: later each time it does not hold, and not for ever. */

/** A VM that runs shorter than this has not held. */
export const HOLDS_AFTER_MS = 60_000;
/** Starts in a row that did not hold, after which it is left alone. */
export const QUICK_ENDS_MAX = 8;
const FIRST_DELAY_MS = 1000;
const DELAY_MAX_MS = 60_000;

/** What comes after an end. */
export type KeepAlive =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly quickEnds: number }
  | { readonly kind: 'give-up'; readonly quickEnds: number };

/** Decides, from how long it ran (undefined: it never did) and how often in a row it did not hold before. */
export function decideKeepAlive(livedMs: number | undefined, quickEndsBefore: number): KeepAlive {
  const hasHeld = livedMs !== undefined && livedMs >= HOLDS_AFTER_MS;
  const quickEnds = hasHeld ? 0 : quickEndsBefore + 1;
  if (quickEnds > QUICK_ENDS_MAX) return { kind: 'give-up', quickEnds };
  const delayMs = hasHeld ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (quickEnds - 1), DELAY_MAX_MS);
  return { kind: 'restart', delayMs, quickEnds };
}
