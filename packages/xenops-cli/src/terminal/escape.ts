/** Ctrl-], by which the user leaves a console, as telnet and xl have it. */
export const ESCAPE = 0x1d;

/** What of the user's keys goes to the guest, and whether the user leaves after it. */
export function splitAtEscape(keys: Uint8Array): {
  readonly passed: Uint8Array;
  readonly isLeaving: boolean;
} {
  const index = keys.indexOf(ESCAPE);
  return index < 0
    ? { passed: keys, isLeaving: false }
    : { passed: keys.subarray(0, index), isLeaving: true };
}
