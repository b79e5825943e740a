/**
 * The tree as JSON, in the form of the old files: objects are folders and everything else is text. Numbers and
 * booleans are read as their text, arrays as folders of numbered items, and null as nothing at all.
 */
import { DatabaseError } from '../errors.ts';
import { DEPTH_MAX, JSON_BYTES_MAX } from './limits.ts';
import { checkName } from './path.ts';
import { childNames, folderOf, type TreeNode } from './tree.ts';

/** The node that a JSON text stands for; undefined for null. Throws DB_BAD_JSON, DB_BAD_PATH for a bad name. */
export function nodeFromJson(text: string): TreeNode | undefined {
  if (Buffer.byteLength(text) > JSON_BYTES_MAX) throw bad('it is too long');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad('it is malformed', cause);
  }
  return nodeFromValue(value);
}

/** The node that a value out of a JSON text stands for. Throws as `nodeFromJson` does. */
export function nodeFromValue(value: unknown, depth = 0): TreeNode | undefined {
  if (depth > DEPTH_MAX) throw bad(`it has more than ${DEPTH_MAX} levels`);
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'object') throw bad(`it has a ${typeof value}`);
  return folderOf(childrenOf(value, depth));
}

function* childrenOf(value: object, depth: number): Generator<[string, TreeNode]> {
  for (const [name, child] of Object.entries(value)) {
    checkName(name);
    const node = nodeFromValue(child, depth + 1);
    if (node !== undefined) yield [name, node];
  }
}

/** A number that was rounded when it was parsed would be stored wrong without anybody noticing. */
function numberText(value: number): string {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw bad('it has a number of more than 53 bits, which must be written as a string');
  }
  return String(value);
}

/** A node as JSON with two blanks per level and the children in listed order; `null` for nothing. */
export function jsonFromNode(node: TreeNode | undefined): string {
  return JSON.stringify(valueFromNode(node), undefined, 2);
}

/** A node as a value for JSON: strings, and objects without a prototype, so that any name is safe. */
export function valueFromNode(node: TreeNode | undefined): unknown {
  if (node === undefined) return null;
  if (typeof node === 'string') return node;
  const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of childNames(node)) value[name] = valueFromNode(node.children.get(name));
  return value;
}

function bad(why: string, cause?: unknown): DatabaseError {
  return new DatabaseError('DB_BAD_JSON', {
    message: `The JSON text cannot be stored: ${why}`,
    cause,
  });
}
