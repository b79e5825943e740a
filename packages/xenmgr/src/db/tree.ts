/**
 * The tree of the database, as values that never change: a change makes new folders from the root down to the place
 * and shares the rest, so that a reader keeps what it has, an abandoned change costs nothing, and the difference of
 * two trees is found without looking at what they share. A folder without children does not exist.
 */
import { DatabaseError } from '../errors.ts';
import { compareNames, formatPath, type NodePath } from './path.ts';

/** A node is a text or a folder. */
export type TreeNode = string | Folder;

/** A node with children. */
export interface Folder {
  readonly children: ReadonlyMap<string, TreeNode>;
  /** Bytes of all names and texts below. */
  readonly bytes: number;
}

export const EMPTY_FOLDER: Folder = { children: new Map(), bytes: 0 };

/** The node at a path, or undefined. The root is a folder, empty or not. */
export function nodeAt(root: Folder, path: NodePath): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const name of path) {
    if (node === undefined || typeof node === 'string') return undefined;
    node = node.children.get(name);
  }
  return node;
}

/**
 * The tree with this node at the path, or without one, and without the folders that this leaves empty.
 * Throws DB_NOT_A_FOLDER when a text is in the way.
 */
export function withNode(root: Folder, path: NodePath, node: TreeNode | undefined): Folder {
  return replaceIn(root, path, 0, node);
}

function replaceIn(
  folder: Folder,
  path: NodePath,
  depth: number,
  node: TreeNode | undefined,
): Folder {
  const name = path[depth];
  if (name === undefined) return asRoot(node);
  const old = folder.children.get(name);
  const next = depth === path.length - 1 ? node : replaceBelow(old, path, depth + 1, node);
  const kept = next === undefined || isEmpty(next) ? undefined : next;
  return kept === old ? folder : withChild(folder, name, kept);
}

function replaceBelow(
  old: TreeNode | undefined,
  path: NodePath,
  depth: number,
  node: TreeNode | undefined,
): TreeNode | undefined {
  if (typeof old !== 'string') return replaceIn(old ?? EMPTY_FOLDER, path, depth, node);
  if (node === undefined) return old;
  const blocked = formatPath(path.slice(0, depth));
  throw new DatabaseError('DB_NOT_A_FOLDER', {
    message: `${blocked} holds a text and can have no children; remove it first`,
    context: { path: formatPath(path), blocked },
  });
}

function asRoot(node: TreeNode | undefined): Folder {
  if (typeof node !== 'string') return node ?? EMPTY_FOLDER;
  throw new DatabaseError('DB_BAD_PATH', { message: 'The root of the database holds no text' });
}

function withChild(folder: Folder, name: string, node: TreeNode | undefined): Folder {
  const children = new Map(folder.children);
  const old = children.get(name);
  if (node === undefined) children.delete(name);
  else children.set(name, node);
  return { children, bytes: folder.bytes - childBytes(name, old) + childBytes(name, node) };
}

/** A folder of these children, without those that are empty folders. */
export function folderOf(children: Iterable<readonly [string, TreeNode]>): Folder {
  const kept = new Map([...children].filter(([, node]) => !isEmpty(node)));
  let bytes = 0;
  for (const [name, node] of kept) bytes += childBytes(name, node);
  return { children: kept, bytes };
}

function isEmpty(node: TreeNode): boolean {
  return typeof node !== 'string' && node.children.size === 0;
}

function childBytes(name: string, node: TreeNode | undefined): number {
  if (node === undefined) return 0;
  return Buffer.byteLength(name) + nodeBytes(node);
}

/** Bytes of the names and texts in a node. */
export function nodeBytes(node: TreeNode | undefined): number {
  if (node === undefined) return 0;
  return typeof node === 'string' ? Buffer.byteLength(node) : node.bytes;
}

/** The names in a folder, in the order in which they are listed; none for a text or nothing. */
export function childNames(node: TreeNode | undefined): readonly string[] {
  if (node === undefined || typeof node === 'string') return [];
  return [...node.children.keys()].sort(compareNames);
}

/** A text and where it is. */
export interface Leaf {
  readonly path: NodePath;
  readonly text: string;
}

/** All texts of a node, each with its path. */
export function* leavesOf(node: TreeNode | undefined, path: NodePath = []): Generator<Leaf> {
  if (node === undefined) return;
  if (typeof node === 'string') {
    yield { path, text: node };
    return;
  }
  for (const [name, child] of node.children) yield* leavesOf(child, [...path, name]);
}

/** A text that came, changed, or went (undefined). */
export interface LeafChange {
  readonly path: NodePath;
  readonly text: string | undefined;
}

/** What makes the tree `after` from the tree `before`; takes time for what differs only. */
export function* difference(
  before: TreeNode | undefined,
  after: TreeNode | undefined,
  path: NodePath = [],
): Generator<LeafChange> {
  if (before === after) return;
  if (typeof before === 'string' && typeof after !== 'string') yield { path, text: undefined };
  if (typeof after === 'string') {
    yield* removals(before, path);
    yield { path, text: after };
    return;
  }
  const old = typeof before === 'object' ? before.children : new Map<string, TreeNode>();
  const now = after?.children ?? new Map<string, TreeNode>();
  for (const [name, node] of old) yield* difference(node, now.get(name), [...path, name]);
  for (const [name, node] of now) {
    if (!old.has(name)) yield* difference(undefined, node, [...path, name]);
  }
}

function* removals(node: TreeNode | undefined, path: NodePath): Generator<LeafChange> {
  if (typeof node === 'string') return;
  for (const leaf of leavesOf(node, path)) yield { path: leaf.path, text: undefined };
}
