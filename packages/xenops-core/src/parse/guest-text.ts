/** Longest text of a guest that is shown. */
const TEXT_MAX = 256;

/** What a guest or a back-end wrote, fit for a message or a log: no control characters, cut to 256 characters. */
export function guestText(text: string): string {
  const shown = text.slice(0, TEXT_MAX).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{fffd}');
  return text.length > TEXT_MAX ? `${shown}...` : shown;
}
