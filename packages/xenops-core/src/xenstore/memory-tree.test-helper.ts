/** A tree of nodes in memory, to see what a change of the tree comes to; it has neither quotas nor watches. */
import { XenStoreError } from '../errors.ts';
import { DOM0 } from '../ids.ts';
import { ownedBy, renderPermissions, type Permissions } from './permissions.ts';
import type { XenStoreTree } from './xenstore.ts';

interface Node {
  value: Buffer;
  permissions: Permissions;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

export class MemoryTree implements XenStoreTree {
  /** The root's path is the empty text here, so that every path below is its parent's, a slash and a name. */
  readonly #nodes = new Map<string, Node>([
    ['', { value: Buffer.alloc(0), permissions: ownedBy(DOM0) }],
  ]);
  /** Every operation, with its path, in the order in which they began. */
  readonly log: string[] = [];

  async read(path: string): Promise<string> {
    return String(this.#node(path).value);
  }

  async readBytes(path: string): Promise<Uint8Array> {
    return this.#node(path).value;
  }

  async find(path: string): Promise<string | undefined> {
    return this.#nodes.get(path)?.value.toString();
  }

  async directory(path: string): Promise<readonly string[]> {
    this.#node(path);
    const below = [...this.#nodes.keys()].filter(
      (other) => other !== '' && parentOf(other) === path,
    );
    return below.map((child) => child.slice(path.length + 1));
  }

  async write(path: string, value: string | Uint8Array): Promise<void> {
    this.log.push(`write ${path}`);
    this.#made(path).value = Buffer.from(value);
  }

  async mkdir(path: string): Promise<void> {
    this.log.push(`mkdir ${path}`);
    this.#made(path);
  }

  async rm(path: string): Promise<void> {
    this.log.push(`rm ${path}`);
    for (const other of this.#nodes.keys()) {
      if (other === path || other.startsWith(`${path}/`)) this.#nodes.delete(other);
    }
  }

  async getPermissions(path: string): Promise<Permissions> {
    return this.#node(path).permissions;
  }

  async setPermissions(path: string, permissions: Permissions): Promise<void> {
    this.log.push(`setPermissions ${path}`);
    this.#node(path).permissions = permissions;
  }

  /** Every node at or below the path as `PATH (PERMISSIONS) = VALUE`, by path. */
  lines(root = ''): readonly string[] {
    return [...this.#nodes]
      .filter(([path]) => path !== '' && (path === root || path.startsWith(`${root}/`)))
      .map(([path, { value, permissions }]) => {
        return `${path} (${renderPermissions(permissions).join(' ')}) = ${value.toString()}`;
      })
      .sort();
  }

  #node(path: string): Node {
    const node = this.#nodes.get(path);
    if (node !== undefined) return node;
    throw new XenStoreError('XENSTORE_NO_ENTRY', { message: 'No such node', context: { path } });
  }

  /** The node, made with its parents when absent; a new one has the permissions of its parent. */
  #made(path: string): Node {
    const present = this.#nodes.get(path);
    if (present !== undefined) return present;
    const { permissions } = this.#made(parentOf(path));
    const node = { value: Buffer.alloc(0), permissions };
    this.#nodes.set(path, node);
    return node;
  }
}
