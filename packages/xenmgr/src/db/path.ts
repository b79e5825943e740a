/** Paths of nodes: names between slashes, as in `/vm/UUID/config/memory`. There is no notation for a parent. */
import { DatabaseError } from '../errors.ts';
import { DEPTH_MAX, NAME_BYTES_MAX } from './limits.ts';

/** The names of a path, from the root. Empty for the root itself. */
export type NodePath = readonly string[];

const CONTROL = /[\u0000-\u001f\u007f]/;

/** The names of a path; empty ones are dropped, as the old service did. Throws DB_BAD_PATH. */
export function parsePath(text: string): NodePath {
  const names = text.split('/').filter((name) => name !== '');
  checkDepth(names);
  for (const name of names) checkName(name);
  return names;
}

/** The text of a path. */
export function formatPath(path: NodePath): string {
  return `/${path.join('/')}`;
}

/** Throws DB_BAD_PATH when the tree would be too deep for this path. */
export function checkDepth(path: NodePath): void {
  if (path.length <= DEPTH_MAX) return;
  throw new DatabaseError('DB_BAD_PATH', {
    message: `A path has at most ${DEPTH_MAX} names`,
    context: { names: path.length },
  });
}

/** Throws DB_BAD_PATH unless the text can be the name of a node. */
export function checkName(name: string): void {
  if (name === '' || name.includes('/') || CONTROL.test(name)) {
    throw new DatabaseError('DB_BAD_PATH', {
      message: 'The name of a node is not empty and has no slash and no control character',
      context: { name },
    });
  }
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new DatabaseError('DB_BAD_PATH', {
      message: `The name of a node has at most ${NAME_BYTES_MAX} bytes`,
      context: { bytes: Buffer.byteLength(name) },
    });
  }
}

/** The order in which children are listed: numbers by value, then the other names by code unit. */
export function compareNames(one: string, other: string): number {
  const [left, right] = [listIndex(one), listIndex(other)];
  if (left !== undefined && right !== undefined) return left - right;
  if (left !== undefined) return -1;
  if (right !== undefined) return 1;
  return one < other ? -1 : Number(one > other);
}

/** The number that a name of a list's item stands for; undefined for other names. */
export function listIndex(name: string): number | undefined {
  return /^(0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : undefined;
}
