/**
 * Watches by path, so that a change costs as many look-ups as its path has parts, however many watches there are. An
 * event goes only to who could read the node, or its parent, before or after the change.
 */
import type { Connection } from './connection.ts';
import { parentPath } from './node-path.ts';
import { type IsCurrent, type PermissionList, READ, rightsOf } from './rights.ts';
import type { StoreNode } from './store-node.ts';
import type { Change } from './view.ts';

export interface RegisteredWatch {
  readonly connection: Connection;
  /** Absolute, or the name of special events. */
  readonly path: string;
  readonly token: string;
  /** Registered with a relative path, and told of changes by relative paths. */
  readonly isRelative: boolean;
  /** Order of registration, and so of events. */
  readonly sequence: number;
}

/** What delivery must know of the tree. */
export interface WatchContext {
  readonly find: (path: string) => StoreNode | undefined;
  readonly isCurrent: IsCurrent;
}

export class WatchRegistry {
  readonly #context: WatchContext;
  readonly #byPath = new Map<string, Set<RegisteredWatch>>();
  readonly #specialPermissions = new Map<string, PermissionList>();
  #nextSequence = 0;

  constructor(context: WatchContext) {
    this.#context = context;
  }

  /** Registers; the caller has looked for duplicates and sends the first event after its reply. */
  add(watch: Omit<RegisteredWatch, 'sequence'>): RegisteredWatch {
    const registered = { ...watch, sequence: (this.#nextSequence += 1) };
    const onPath = this.#byPath.get(watch.path);
    if (onPath === undefined) this.#byPath.set(watch.path, new Set([registered]));
    else onPath.add(registered);
    watch.connection.watches.set(watchKey(watch.path, watch.token), registered);
    watch.connection.watchBytes += watch.path.length + watch.token.length;
    return registered;
  }

  remove(watch: RegisteredWatch): void {
    watch.connection.watches.delete(watchKey(watch.path, watch.token));
    watch.connection.watchBytes -= watch.path.length + watch.token.length;
    const onPath = this.#byPath.get(watch.path);
    onPath?.delete(watch);
    if (onPath?.size === 0) this.#byPath.delete(watch.path);
  }

  removeAll(connection: Connection): void {
    for (const watch of connection.watches.values()) this.remove(watch);
  }

  /** Tells of a changed node. Without `removed` the node is looked up, and nobody is told of one that never was. */
  fire(path: string, { isExact = false, permissionsBefore, removed }: Change): void {
    if (this.#byPath.size === 0) return;
    const watches = isExact ? [...(this.#byPath.get(path) ?? [])] : this.#above(path);
    if (watches.length === 0) return;
    const node = removed ?? this.#context.find(path);
    if (node === undefined && permissionsBefore === undefined) return;
    const seen = new Map<Connection, boolean>();
    for (const watch of watches) {
      const { connection } = watch;
      let mayKnow = connection.isPrivileged || seen.get(connection);
      if (mayKnow === undefined) {
        mayKnow = this.#mayKnow(connection, path, node, permissionsBefore);
        seen.set(connection, mayKnow);
      }
      if (mayKnow) connection.sink.event(reportedPath(watch, path), watch.token);
    }
  }

  /** Tells of `@introduceDomain` or `@releaseDomain`. */
  fireSpecial(name: string): void {
    const permissions = this.specialPermissions(name);
    for (const watch of this.#byPath.get(name) ?? []) {
      const node = { permissions, generation: Number.MAX_SAFE_INTEGER };
      if ((rightsOf(watch.connection, node, this.#context.isCurrent) & READ) !== 0) {
        watch.connection.sink.event(name, watch.token);
      }
    }
  }

  /** Who may see special events; Dom0 alone unless set. */
  specialPermissions(name: string): PermissionList {
    return this.#specialPermissions.get(name) ?? [{ domid: 0, rights: 0 }];
  }

  setSpecialPermissions(name: string, permissions: PermissionList): void {
    this.#specialPermissions.set(name, permissions);
  }

  /** Strikes a domain that is gone from the lists of special events. */
  strike(domid: number): void {
    for (const [name, [owner, ...listed]] of this.#specialPermissions) {
      const heir = owner.domid === domid ? { ...owner, domid: 0 } : owner;
      this.#specialPermissions.set(name, [
        heir,
        ...listed.filter((entry) => entry.domid !== domid),
      ]);
    }
  }

  /** The watches on the path and on everything above, in order of registration. */
  #above(path: string): RegisteredWatch[] {
    const found: RegisteredWatch[] = [];
    for (let at = path; ; at = parentPath(at)) {
      const onPath = this.#byPath.get(at);
      if (onPath !== undefined) found.push(...onPath);
      if (at === '/') break;
    }
    return found.sort((left, right) => left.sequence - right.sequence);
  }

  #mayKnow(
    connection: Connection,
    path: string,
    node: StoreNode | undefined,
    permissionsBefore: PermissionList | undefined,
  ): boolean {
    const { find, isCurrent } = this.#context;
    const mayRead = (of: Pick<StoreNode, 'permissions' | 'generation'>): boolean =>
      (rightsOf(connection, of, isCurrent) & READ) !== 0;
    if (permissionsBefore !== undefined) {
      const before = { permissions: permissionsBefore, generation: Number.MAX_SAFE_INTEGER };
      if (mayRead(before)) return true;
    }
    if (node === undefined) return false;
    if (mayRead(node)) return true;
    const parent = find(parentPath(path));
    return parent !== undefined && mayRead(parent);
  }
}

/** The path as the watcher asked for it. */
export function reportedPath(watch: RegisteredWatch, path: string): string {
  if (!watch.isRelative) return path;
  return path.slice(watch.connection.root.length + 1);
}

export function watchKey(path: string, token: string): string {
  return `${path}\0${token}`;
}
