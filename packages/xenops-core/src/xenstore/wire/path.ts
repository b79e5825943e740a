/**
 * Rules for paths (docs/misc/xenstore.txt, "Node paths"): letters, digits, `-`, `/`, `_`, `@`; parts are not empty; no
 * slash at the end except for the root. Relative paths start at `/local/domain/N` of the connection.
 */
import { ABSOLUTE_PATH_BYTES_MAX, RELATIVE_PATH_BYTES_MAX } from './limits.ts';

const PATH = /^(\/|\/?[-0-9A-Za-z_@]+(\/[-0-9A-Za-z_@]+)*)$/;

/** Whether a node can have this path. */
export function isPath(text: string): boolean {
  const limit = text.startsWith('/') ? ABSOLUTE_PATH_BYTES_MAX : RELATIVE_PATH_BYTES_MAX;
  return text.length <= limit && PATH.test(text);
}

const SPECIAL_WATCHES: ReadonlySet<string> = new Set(['@introduceDomain', '@releaseDomain']);

/** Whether the path names events of the host instead of a node. */
export function isSpecialPath(text: string): boolean {
  return SPECIAL_WATCHES.has(text);
}
