/**
 * The nodes, by path. Flat on purpose: a read is one look-up however deep the node lies, a write replaces one record
 * and touches no other, and the size of a folder does not matter. Transactions start for nothing because they keep the
 * records they have seen, which never change, instead of a copy of the tree (`transaction.ts`).
 */
import type { WireError } from '@xenops/core/xenstore/wire';
import type { DomainTable } from './domains.ts';
import { OpenTransactions } from './open-transactions.ts';
import { currentPermissions, type PermissionList } from './rights.ts';
import { ChildNames, makeNode, type NodeContent, type StoreNode } from './store-node.ts';
import type { Change, View } from './view.ts';
import type { WatchRegistry } from './watches.ts';

const EMPTY: Uint8Array = new Uint8Array(0);
const OWNED_BY_DOM0: PermissionList = [{ domid: 0, rights: 0 }];

export class Tree implements View {
  readonly isTransaction = false;
  readonly openTransactions: OpenTransactions = new OpenTransactions();
  readonly #nodes = new Map<string, StoreNode>();
  #generation = 0;
  #domains: DomainTable | undefined;
  #watches: WatchRegistry | undefined;

  /** Generation of the latest change. */
  get generation(): number {
    return this.#generation;
  }

  /** A generation of its own, later than all changes so far. */
  nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Connects the parts that know each other, and makes the nodes that are there from the start. */
  initialise(domains: DomainTable, watches: WatchRegistry): void {
    this.#domains = domains;
    this.#watches = watches;
    const make = (path: string, ...children: string[]): void => {
      this.put(path, {
        value: EMPTY,
        permissions: OWNED_BY_DOM0,
        children: new ChildNames(children),
      });
    };
    make('/', 'tool');
    make('/tool', 'xenstored');
    make('/tool/xenstored');
  }

  find(path: string): StoreNode | undefined {
    return this.#nodes.get(path);
  }

  read(path: string): StoreNode | WireError {
    return this.#nodes.get(path) ?? 'ENOENT';
  }

  put(path: string, content: NodeContent): void {
    const before = this.#nodes.get(path);
    const permissions = this.#fresh(before, content.permissions);
    this.#generation += 1;
    const { value, children } = content;
    const node = makeNode(path, { value, permissions, children }, this.#generation);
    this.#domains?.replaceNode(path, before, node);
    this.#nodes.set(path, node);
    this.openTransactions.noteChange(path);
  }

  remove(path: string): void {
    const before = this.#nodes.get(path);
    if (before === undefined) return;
    this.#domains?.replaceNode(path, before, undefined);
    this.#generation += 1;
    this.#nodes.delete(path);
    this.openTransactions.noteChange(path);
  }

  announce(path: string, change: Change): void {
    this.#watches?.fire(path, change);
  }

  /** Nothing is written before everything is checked, so there is nothing to give up. */
  fail(): void {
    return;
  }

  /** Every path and node, in no order worth relying on. */
  entries(): IterableIterator<[string, StoreNode]> {
    return this.#nodes.entries();
  }

  /** A record that is made anew must not revive entries that had lost their domain. */
  #fresh(before: StoreNode | undefined, permissions: PermissionList): PermissionList {
    const domains = this.#domains;
    if (before?.permissions !== permissions || domains === undefined) return permissions;
    return currentPermissions(before, domains.isCurrent);
  }
}
