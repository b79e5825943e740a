/** Requests about watches, and about who may see the special ones (tools/xenstore/xenstored_watch.c). */
import { isSpecialPath } from '@xenops/core/xenstore/wire';
import type { Answer, Connection } from './connection.ts';
import { SPECIAL_NAME_BYTES_MAX } from './limits.ts';
import { canonicalPath, isNodePath } from './node-path.ts';
import { checkPermissions, OK, type NodeCaller } from './node-requests.ts';
import { OWNER, rightsOf, WRITE } from './rights.ts';
import { watchKey, type RegisteredWatch, type WatchRegistry } from './watches.ts';

export interface WatchCaller extends NodeCaller {
  readonly watches: WatchRegistry;
  /** The watch that this request has made: its first event follows the reply. */
  newWatch: RegisteredWatch | undefined;
}

export function watch(caller: WatchCaller, path: string, token: string): Answer {
  const { connection, watches, quotas, memory } = caller;
  const isSpecial = path.startsWith('@');
  const absolute = canonicalPath(path, connection.root);
  const isValid = isSpecial
    ? path.length <= SPECIAL_NAME_BYTES_MAX
    : isNodePath(absolute, quotas.pathBytes);
  if (!isValid) return 'EINVAL';
  if (connection.watches.has(watchKey(absolute, token))) return 'EEXIST';
  if (!connection.isPrivileged) {
    if (connection.watches.size > quotas.watches) return 'E2BIG';
    if (!memory.hasRoom(connection.domid, absolute.length + token.length)) return 'ENOMEM';
  }
  const isRelative = !isSpecial && !path.startsWith('/');
  caller.newWatch = watches.add({ connection, path: absolute, token, isRelative });
  return OK;
}

export function unwatch({ connection, watches }: WatchCaller, path: string, token: string): Answer {
  const found = connection.watches.get(watchKey(canonicalPath(path, connection.root), token));
  if (found === undefined) return 'ENOENT';
  watches.remove(found);
  return OK;
}

export function resetWatches({ connection, watches }: WatchCaller): Answer {
  forgetHoldings(connection, watches);
  return OK;
}

/** Takes watches and transactions from a connection. */
export function forgetHoldings(connection: Connection, watches: WatchRegistry): void {
  watches.removeAll(connection);
  for (const transaction of connection.transactions.values()) transaction.end();
  connection.transactions.clear();
}

/** Says who may see `@introduceDomain` or `@releaseDomain`. */
export function setSpecialPermissions(
  caller: WatchCaller,
  name: string,
  texts: readonly string[],
): Answer {
  const { connection, domains, watches } = caller;
  const permissions = checkPermissions(caller, texts);
  if (typeof permissions === 'string') return permissions;
  if (!isSpecialPath(name)) return 'EINVAL';
  const before = {
    permissions: watches.specialPermissions(name),
    generation: Number.MAX_SAFE_INTEGER,
  };
  const rights = rightsOf(connection, before, domains.isCurrent);
  if ((rights & (WRITE | OWNER)) !== (WRITE | OWNER)) return 'EACCES';
  watches.setSpecialPermissions(name, permissions);
  return OK;
}
