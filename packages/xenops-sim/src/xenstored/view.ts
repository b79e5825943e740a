import type { WireError } from '@xenops/core/xenstore/wire';
import type { PermissionList } from './rights.ts';
import type { NodeContent, StoreNode } from './store-node.ts';

/** What watchers must know of a change. */
export interface Change {
  /** Tell only who watches this very path: a node that goes away with its parent. */
  readonly isExact?: boolean;
  /** The list before the change, without outdated entries: who could read the node then is told too. */
  readonly permissionsBefore?: PermissionList | undefined;
  /** The node as it was when it is just being removed. */
  readonly removed?: StoreNode;
}

/** The tree as one request sees and changes it: the real one, or that of a transaction. */
export interface View {
  readonly isTransaction: boolean;
  /** The node; ENOENT when it is not there, ENOSPC when a transaction touches too many. */
  read(path: string): StoreNode | WireError;
  /** Makes or replaces a node that was read before. The parent's list of names is the caller's business. */
  put(path: string, content: NodeContent): void;
  remove(path: string): void;
  /** Tells watchers, at once or on commit. */
  announce(path: string, change: Change): void;
  /** Called when a request failed half-way: a transaction can then only be given up. */
  fail(): void;
}

/** Whether reading gave a node. */
export function isNode(result: StoreNode | WireError): result is StoreNode {
  return typeof result !== 'string';
}
