/** Letter-case conversions with the results of the original generator, on which names in its languages depend. */

/** Upper-cases the first letter and leaves the rest. */
export function capitalise(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Lower-cases the first letter and leaves the rest. */
export function decapitalise(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** Upper-cases the first letter and each after `_`, and drops that `_`: `vm_nic` gives `VmNic`. */
export function camelise(text: string): string {
  return text.split('_').map(capitalise).join('');
}

/**
 * Puts `_` where an upper-case letter follows a lower-case one, and lower-cases everything. A row of capitals is one
 * word: `GetURLList` gives `get_urllist`.
 */
export function decamelise(text: string): string {
  return text.replace(/(\p{Ll})(?=\p{Lu})/gu, '$1_').toLowerCase();
}

/** Replaces each `-` by `_`. */
export function dashesToUnderscores(text: string): string {
  return text.replaceAll('-', '_');
}

/** Replaces each `.` by `_`. */
export function dotsToUnderscores(text: string): string {
  return text.replaceAll('.', '_');
}
