/** Reading one state of the tree, and changing a state of one's own. */
import { DatabaseError } from '../errors.ts';
import { VALUE_BYTES_MAX } from './limits.ts';
import { formatPath, parsePath, type NodePath } from './path.ts';
import { childNames, leavesOf, nodeAt, withNode, type Folder, type TreeNode } from './tree.ts';
import { jsonFromNode, nodeFromJson } from './tree-json.ts';

/** One state of the database. Paths that cannot be are DB_BAD_PATH; a node that is not there is no error. */
export class View {
  protected root: Folder;

  constructor(root: Folder) {
    this.root = root;
  }

  /** The whole tree of this state; it does not change with later writes. */
  get tree(): Folder {
    return this.root;
  }

  /** The text of a node; undefined when it has none, which is not the same as an empty text. */
  read(path: string): string | undefined {
    const node = this.node(path);
    return typeof node === 'string' ? node : undefined;
  }

  /** Whether there is a node. The root always is. */
  exists(path: string): boolean {
    return this.node(path) !== undefined;
  }

  /** The names of the children: numbers by value, then the others; none for a text or nothing. */
  list(path: string): readonly string[] {
    return childNames(this.node(path));
  }

  /** The node itself. */
  node(path: string): TreeNode | undefined {
    return nodeAt(this.root, parsePath(path));
  }

  /** The node as indented JSON; `null` when it is not there. */
  dump(path: string): string {
    return jsonFromNode(this.node(path));
  }
}

/** A state that is being changed. Nobody else sees it before its transaction is on disk. */
export class Draft extends View {
  /** Stores a text. Throws DB_HAS_CHILDREN, DB_NOT_A_FOLDER, DB_LIMIT, or DB_BAD_PATH for the root. */
  write(path: string, text: string): void {
    const names = parsePath(path);
    if (typeof nodeAt(this.root, names) === 'object' && names.length > 0) {
      throw new DatabaseError('DB_HAS_CHILDREN', {
        message: `${formatPath(names)} has children and takes no text; remove it first`,
        context: { path: formatPath(names) },
      });
    }
    this.#put(names, text);
  }

  /** Replaces whatever is at the path by this node, or removes it. Throws as `write` does, except DB_HAS_CHILDREN. */
  replace(path: string, node: TreeNode | undefined): void {
    this.#put(parsePath(path), node);
  }

  /** Replaces whatever is at the path by the value of a JSON text. Throws also DB_BAD_JSON. */
  inject(path: string, json: string): void {
    this.replace(path, nodeFromJson(json));
  }

  /** Removes a node with all below it, and the folders that this leaves empty. Nothing there is fine. */
  rm(path: string): void {
    this.#put(parsePath(path), undefined);
  }

  #put(path: NodePath, node: TreeNode | undefined): void {
    for (const leaf of leavesOf(node, path)) checkLeaf(leaf.path, leaf.text);
    this.root = withNode(this.root, path, node);
  }
}

/** Half a character, which cannot be stored as UTF-8 without becoming another one. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** JSON brings its own levels and texts, so that both are checked at the place where they end up. */
function checkLeaf(path: NodePath, text: string): void {
  parsePath(formatPath(path));
  const bytes = Buffer.byteLength(text);
  if (bytes > VALUE_BYTES_MAX) {
    throw new DatabaseError('DB_LIMIT', {
      message: `The text for ${formatPath(path)} is longer than ${VALUE_BYTES_MAX} bytes`,
      context: { path: formatPath(path), bytes },
    });
  }
  if (LONE_SURROGATE.test(text)) {
    throw new DatabaseError('DB_BAD_PATH', {
      message: `The text for ${formatPath(path)} is no Unicode text`,
      context: { path: formatPath(path) },
    });
  }
}
