/** Makes a large tree in one go: with `withNode` every text would copy the folders above it. */
import { DatabaseError } from '../errors.ts';
import { formatPath, type NodePath } from './path.ts';
import { folderOf, type Folder, type TreeNode } from './tree.ts';

type Unfinished = Map<string, string | Unfinished>;

export class TreeBuilder {
  readonly #root: Unfinished = new Map();

  /** Adds a text. Throws DB_UNAVAILABLE when a text and a folder would have the same path, which no tree has. */
  add(path: NodePath, text: string): void {
    const name = path.at(-1);
    let folder = this.#root;
    for (const part of path.slice(0, -1)) {
      const next = folder.get(part) ?? new Map<string, string | Unfinished>();
      if (typeof next === 'string') throw contradiction(path);
      folder.set(part, next);
      folder = next;
    }
    if (name === undefined || folder.has(name)) throw contradiction(path);
    folder.set(name, text);
  }

  build(): Folder {
    return finish(this.#root);
  }
}

function finish(folder: Unfinished): Folder {
  return folderOf(
    [...folder].map(([name, node]): [string, TreeNode] => [
      name,
      typeof node === 'string' ? node : finish(node),
    ]),
  );
}

function contradiction(path: NodePath): DatabaseError {
  return new DatabaseError('DB_UNAVAILABLE', {
    message: `The database is damaged: ${formatPath(path)} is both a text and a folder`,
    context: { path: formatPath(path) },
  });
}
