/**
 * xenstore: a tree of small values with owners, transactions and watches, by which Dom0, guests and device back-ends
 * talk (docs/misc/xenstore.txt). Implemented by the wire client on a socket or on `/dev/xen/xenbus`, and in process by
 * the embedded host.
 *
 * To implementers:
 * - Errors are XenStoreError with `context.path`. After close, and for requests pending when the connection goes down,
 *   XENSTORE_CLOSED; nobody waits for ever.
 * - A value is bytes. Text is UTF-8; bytes that are not come back as U+FFFD from `read`, exactly from `readBytes`.
 * - Removing what is not there succeeds. Listing a node without children gives an empty list.
 */
import type { Domid, Evtchn } from '../ids.ts';
import type { Permissions } from './permissions.ts';

/** What can be done on the tree, inside a transaction and outside. */
export interface XenStoreTree {
  /** The value as text. XENSTORE_NO_ENTRY when the node is not there. */
  read(path: string): Promise<string>;
  readBytes(path: string): Promise<Uint8Array>;
  /** The value as text, undefined when the node is not there. */
  find(path: string): Promise<string | undefined>;
  /** Names of the children. XENSTORE_NO_ENTRY when the node is not there. */
  directory(path: string): Promise<readonly string[]>;
  /** Writes a value; makes the node, and its parents, when absent. */
  write(path: string, value: string | Uint8Array): Promise<void>;
  /** Makes an empty node; a node that is there stays as it is. */
  mkdir(path: string): Promise<void>;
  /** Removes the node and everything below. */
  rm(path: string): Promise<void>;
  getPermissions(path: string): Promise<Permissions>;
  setPermissions(path: string, permissions: Permissions): Promise<void>;
}

/** What a watch tells: look again at this path; or that the connection was lost in between and anything may have changed. */
export type WatchEvent =
  { readonly kind: 'changed'; readonly path: string } | { readonly kind: 'resync' };

/** A registered watch. The first event comes at once, without a change. Disposing unregisters it. */
export interface Watch extends AsyncIterable<WatchEvent>, AsyncDisposable {
  readonly path: string;
}

export interface TransactionOptions {
  /** Checked before each attempt. */
  readonly signal?: AbortSignal | undefined;
  /** How often a transaction is tried when others get in its way; TRANSACTION_ATTEMPTS_MAX unless said. */
  readonly attempts?: number | undefined;
}

export interface XenStore extends XenStoreTree, AsyncDisposable {
  /**
   * Runs `body` so that all it does is seen by others at once, or not at all. When somebody else changed what it read,
   * `body` runs again from the start; after too many attempts XENSTORE_CONFLICT. When `body` throws, nothing is changed.
   */
  transaction<T>(
    body: (tree: XenStoreTree) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /** Events for the node, everything below, and its removal with a parent; `@introduceDomain`, `@releaseDomain` too. */
  watch(path: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<Watch>;

  /** Tells xenstored of a new domain: its ring page and its port. Fires `@introduceDomain`. */
  introduce(domid: Domid, storeFrame: bigint, storeEvtchn: Evtchn): Promise<void>;
  /** Makes xenstored forget the domain's connection. */
  release(domid: Domid): Promise<void>;
  /** Tells xenstored that a domain that had shut down runs again. */
  resume(domid: Domid): Promise<void>;
  isIntroduced(domid: Domid): Promise<boolean>;
  /** Gives a stub domain its target's rights. */
  setTarget(domid: Domid, target: Domid): Promise<void>;
  /** The root of the domain's own nodes, `/local/domain/N`; whether it exists or not. */
  getDomainPath(domid: Domid): Promise<string>;
  /** Ends every watch of this connection, as a guest does when it boots. Their consumers see them end. */
  resetWatches(): Promise<void>;
  /** Sends a command to xenstored itself (`help` lists them) and gives what it answers. Dom0 only. */
  control(...words: readonly string[]): Promise<string>;
}
