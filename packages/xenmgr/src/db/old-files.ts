/**
 * The files of the old database: JSON in `db` for the tree, `vms/NAME.db` for each child of `/vm`, and
 * `dom-store/NAME.db` for each child of `/dom-store`. `FILE.tmp` is what the old service was writing when it died; it
 * counts when `FILE` itself is not there.
 */
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError } from '../errors.ts';
import type { Database } from './database.ts';
import { migrate } from './migrations.ts';
import { checkName } from './path.ts';
import { childNames, folderOf, nodeAt, withNode, type Folder, type TreeNode } from './tree.ts';
import { jsonFromNode, nodeFromJson } from './tree-json.ts';

const MAIN_FILE = 'db';
const SUFFIX = '.db';
const TEMPORARY = '.tmp';
/** Folders of files, and the node whose children they hold. */
const FOLDERS = [
  { folder: 'vms', node: 'vm' },
  { folder: 'dom-store', node: 'dom-store' },
] as const;

/** The tree of a folder of old files. Files that are no JSON are not part of it, and their paths are given. */
export interface OldFiles {
  readonly tree: Folder;
  readonly leftOut: readonly string[];
}

/** Reads a folder of old files. Throws DB_FILE with the path of a file that cannot be read or is malformed. */
export async function readOldFiles(folder: string): Promise<OldFiles> {
  const main = await readJson(path.join(folder, MAIN_FILE));
  let tree = typeof main === 'object' ? main : folderOf([]);
  const leftOut: string[] = [];
  for (const { folder: name, node } of FOLDERS) {
    const { children, others } = await readFolder(path.join(folder, name));
    leftOut.push(...others);
    if (children.length > 0) tree = withNode(tree, [node], folderOf(children));
  }
  return { tree, leftOut };
}

/** Replaces the whole database by old files, brought to the present layout; all or nothing. Gives what was left out. */
export async function importOldFiles(
  database: Database,
  folder: string,
): Promise<readonly string[]> {
  const { tree, leftOut } = await readOldFiles(folder);
  await database.transact((draft) => {
    draft.replace('/', tree);
    migrate(draft);
  });
  return leftOut;
}

/** Writes a tree as old files into a folder, mode 0700, files 0600, each whole or not at all. Throws DB_FILE. */
export async function exportOldFiles(tree: Folder, folder: string): Promise<void> {
  let rest = tree;
  for (const { folder: name, node } of FOLDERS) {
    const children = nodeAt(tree, [node]);
    rest = withNode(rest, [node], undefined);
    for (const child of childNames(children)) {
      const content = nodeAt(tree, [node, child]);
      await writeFile(path.join(folder, name, `${child}${SUFFIX}`), content);
    }
  }
  await writeFile(path.join(folder, MAIN_FILE), rest);
}

async function readFolder(
  folder: string,
): Promise<{ children: readonly [string, TreeNode][]; others: readonly string[] }> {
  const names = await listFolder(folder);
  const others: string[] = [];
  const wanted = new Set<string>();
  for (const name of names) {
    const file = name.endsWith(TEMPORARY) ? name.slice(0, -TEMPORARY.length) : name;
    if (file.endsWith(SUFFIX)) wanted.add(file);
    else others.push(path.join(folder, name));
  }
  const children: [string, TreeNode][] = [];
  for (const file of [...wanted].sort()) {
    const name = file.slice(0, -SUFFIX.length);
    checkName(name);
    children.push([name, (await readJson(path.join(folder, file))) ?? folderOf([])]);
  }
  return { children, others };
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (isNotFound(cause)) return [];
    throw fileError('list', folder, cause);
  }
}

/** The tree in a file, or in what was being written in its place. An empty file is an empty tree. */
async function readJson(file: string): Promise<TreeNode | undefined> {
  try {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isNotFound(error)) return readFile(`${file}${TEMPORARY}`, 'utf8');
      throw error;
    });
    return text.trim() === '' ? undefined : nodeFromJson(text);
  } catch (cause) {
    throw fileError('read', file, cause);
  }
}

async function writeFile(file: string, node: TreeNode | undefined): Promise<void> {
  const temporary = `${file}${TEMPORARY}`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(`${jsonFromNode(node)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    throw fileError('write', file, cause);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function fileError(verb: string, file: string, cause: unknown): DatabaseError {
  return new DatabaseError('DB_FILE', {
    message: `Cannot ${verb} the database file ${file}`,
    context: { file },
    cause,
  });
}
