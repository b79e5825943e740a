/**
 * A transaction, with the rules of the C xenstored: it sees each node as it was when the transaction first touched it,
 * and its own changes; at the end it fails when any node it touched, read or written, has been changed since by others.
 * It starts with nothing and keeps records of the tree as it meets them.
 */
import type { WireError } from '@xenops/core/xenstore/wire';
import type { Connection } from './connection.ts';
import type { DomainTable } from './domains.ts';
import type { OpenTransactions } from './open-transactions.ts';
import type { Quotas } from './quotas.ts';
import { currentPermissions, type PermissionList } from './rights.ts';
import { makeNode, NO_GENERATION, type NodeContent, type StoreNode } from './store-node.ts';
import type { Tree } from './tree.ts';
import type { Change, View } from './view.ts';

/** What a transaction knows of one path. */
interface Touched {
  /** Of the node in the tree when it was first touched. */
  readonly generation: number;
  /** Its list then: who could read it is told of the change. */
  readonly permissionsBefore: PermissionList | undefined;
  /** As the transaction sees it now. */
  node: StoreNode | undefined;
  isModified: boolean;
  /** The record is the transaction's own, and takes memory of whoever made it. */
  isCopied: boolean;
  /** Who must be told: nobody, all who watch here or above, or those who watch this very path. */
  told: 'nobody' | 'all' | 'exact';
}

export class Transaction implements View {
  readonly isTransaction = true;
  readonly #tree: Tree;
  readonly #domains: DomainTable;
  readonly #quotas: Quotas;
  readonly #open: OpenTransactions;
  readonly connection: Connection;
  /** Somebody has changed what this one has touched, so it will fail. */
  isSpoilt = false;
  /** In order of first touch, which is the order of events. */
  readonly #touched = new Map<string, Touched>();
  /** By how much each guest's count of nodes would change. */
  #ownedChange: Map<number, number> | undefined;
  #hasFailed = false;
  #hasCreated = false;
  #nextGeneration: number;
  /** What its changed records take. */
  #bytes = 0;

  constructor(options: {
    readonly tree: Tree;
    readonly domains: DomainTable;
    readonly quotas: Quotas;
    /** Whose it is, and whose memory. */
    readonly connection: Connection;
    /** Where it is to be found until its end. */
    readonly open: OpenTransactions;
  }) {
    this.#tree = options.tree;
    this.#domains = options.domains;
    this.#quotas = options.quotas;
    this.connection = options.connection;
    this.#open = options.open;
    this.#open.add(this);
    this.#nextGeneration = options.tree.generation;
  }

  read(path: string): StoreNode | WireError {
    const known = this.#touched.get(path);
    if (known !== undefined) return known.node ?? 'ENOENT';
    const { isPrivileged } = this.connection;
    if (!isPrivileged && this.#touched.size >= this.#quotas.transactionNodes) {
      this.#hasFailed = true;
      return 'ENOSPC';
    }
    const node = this.#tree.find(path);
    node?.children.hold();
    this.#touched.set(path, {
      generation: node?.generation ?? NO_GENERATION,
      permissionsBefore: node === undefined ? undefined : this.#current(node),
      node,
      isModified: false,
      isCopied: false,
      told: 'nobody',
    });
    return node ?? 'ENOENT';
  }

  put(path: string, content: NodeContent): void {
    const touched = this.#modify(path);
    this.#hasCreated ||= touched.node === undefined;
    this.#changeOwner(touched.node?.permissions[0].domid, content.permissions[0].domid);
    this.#nextGeneration = Math.max(this.#nextGeneration, this.#tree.generation) + 1;
    const node = makeNode(path, content, this.#nextGeneration);
    this.#take(node.storedBytes - (touched.isCopied ? (touched.node?.storedBytes ?? 0) : 0));
    touched.isCopied = true;
    touched.node = node;
  }

  remove(path: string): void {
    const touched = this.#modify(path);
    this.#changeOwner(touched.node?.permissions[0].domid, undefined);
    if (touched.isCopied) this.#take(-(touched.node?.storedBytes ?? 0));
    touched.node = undefined;
  }

  announce(path: string, { isExact = false }: Change): void {
    const touched = this.#modify(path);
    touched.told = isExact && touched.told !== 'all' ? 'exact' : 'all';
  }

  fail(): void {
    this.#hasFailed = true;
  }

  /** Whether it has read or written the node, or looked for it. */
  hasTouched(path: string): boolean {
    return this.#touched.has(path);
  }

  /** Gives back what it has taken: it is over, in whatever way. */
  end(): void {
    this.#open.remove(this);
    this.#take(-this.#bytes);
  }

  /** Makes the changes real and tells watchers; or says why not, and nothing has changed. */
  commit(): WireError | undefined {
    if (this.#hasFailed) return 'ENOMEM';
    const checksQuota = !this.connection.isPrivileged && this.#hasCreated;
    if (checksQuota && this.#isOverQuota()) return 'ENOSPC';
    if (this.#hasConflict()) return 'EAGAIN';
    for (const [path, touched] of this.#touched) {
      if (!touched.isModified) continue;
      this.#apply(path, touched);
      const { told, permissionsBefore } = touched;
      if (told !== 'nobody') {
        this.#tree.announce(path, { isExact: told === 'exact', permissionsBefore });
      }
    }
    return undefined;
  }

  #apply(path: string, { node }: Touched): void {
    if (node === undefined) {
      this.#tree.remove(path);
      return;
    }
    // A domain may have gone since the change was made; its successor must not get what was meant for it.
    this.#tree.put(path, { ...node, permissions: this.#current(node) });
  }

  #current(node: StoreNode): PermissionList {
    return currentPermissions(node, this.#domains.isCurrent);
  }

  #hasConflict(): boolean {
    for (const [path, { generation }] of this.#touched) {
      if ((this.#tree.find(path)?.generation ?? NO_GENERATION) !== generation) return true;
    }
    return false;
  }

  #isOverQuota(): boolean {
    for (const [domid, change] of this.#ownedChange ?? []) {
      const owned = this.#domains.find(domid)?.owned.size ?? 0;
      if (owned + change >= this.#quotas.nodes) return true;
    }
    return false;
  }

  #take(bytes: number): void {
    this.#bytes += bytes;
    this.connection.transactionBytes += bytes;
  }

  #modify(path: string): Touched {
    if (!this.#touched.has(path)) this.read(path);
    const touched = this.#touched.get(path);
    if (touched === undefined)
      throw new Error(`A transaction changed ${path} over its limit of nodes`);
    touched.isModified = true;
    return touched;
  }

  #changeOwner(before: number | undefined, after: number | undefined): void {
    if (before === after) return;
    const add = (domid: number | undefined, change: number): void => {
      if (domid === undefined || domid === 0) return;
      const changes = (this.#ownedChange ??= new Map<number, number>());
      changes.set(domid, (changes.get(domid) ?? 0) + change);
    };
    add(before, -1);
    add(after, 1);
  }
}
