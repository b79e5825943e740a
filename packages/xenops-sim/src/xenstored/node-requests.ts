/**
 * Requests about nodes: each a function of who asks, the tree it sees and the request. Everything is checked before
 * anything is written. Sources are the C xenstored's functions of the same purpose (tools/xenstore/xenstored_core.c).
 */
import { PAYLOAD_BYTES_MAX, type WireError } from '@xenops/core/xenstore/wire';
import type { Answer, Connection } from './connection.ts';
import type { DomainTable } from './domains.ts';
import type { MemoryQuota } from './memory-quota.ts';
import { atoi, baseName, canonicalPath, childPath, isNodePath, parentPath } from './node-path.ts';
import type { Quotas } from './quotas.ts';
import {
  currentPermissions,
  OWNER,
  parsePermissionList,
  READ,
  renderPermissionList,
  rightsOf,
  WRITE,
  type PermissionList,
} from './rights.ts';
import { ChildNames, recordBytes, type NodeContent, type StoreNode } from './store-node.ts';
import { isNode, type Change, type View } from './view.ts';

/** Who asks, and what it sees. */
export interface NodeCaller {
  readonly connection: Connection;
  readonly view: View;
  readonly domains: DomainTable;
  readonly quotas: Quotas;
  readonly memory: MemoryQuota;
}

export const OK: Uint8Array = Buffer.from('OK\0');
const EMPTY: Uint8Array = new Uint8Array(0);
const CHANGED: Change = {};

export function read(caller: NodeCaller, path: string): Answer {
  const node = getNode(caller, absolute(caller, path), READ);
  return isNode(node) ? node.value : node;
}

export function directory(caller: NodeCaller, path: string): Answer {
  const node = getNode(caller, absolute(caller, path), READ);
  return isNode(node) ? node.children.encode() : node;
}

/** A slice of the names from a byte offset: generation, names, and an empty name behind the last one. */
export function directoryPart(caller: NodeCaller, path: string, offsetText: string): Answer {
  const node = getNode(caller, absolute(caller, path), READ);
  if (!isNode(node)) return node;
  const generation = Buffer.from(`${node.generation}\0`);
  const names = node.children.encode();
  const offset = atoi(offsetText);
  if (offset < 0 || offset >= names.length) return Buffer.concat([generation, END_OF_LIST]);
  const bytesMax = PAYLOAD_BYTES_MAX - generation.length - 1;
  // Whole names only: up to the last terminator that fits.
  const end = Math.min(names.length, names.lastIndexOf(0, offset + bytesMax - 1) + 1);
  const slice = names.subarray(offset, Math.max(end, offset));
  return Buffer.concat([generation, slice, end === names.length ? END_OF_LIST : EMPTY]);
}

const END_OF_LIST: Uint8Array = Buffer.of(0);

/** Keeps the value, which must not change any more. */
export function write(caller: NodeCaller, relative: string, value: Uint8Array): Answer {
  const path = absolute(caller, relative);
  const node = getNode(caller, path, WRITE);
  if (!isNode(node)) return node === 'ENOENT' ? create(caller, path, value) : node;
  const { permissions, children } = node;
  const refusal = update(caller, path, { value, permissions, children });
  if (refusal !== undefined) return refusal;
  caller.view.announce(path, CHANGED);
  return OK;
}

export function mkdir(caller: NodeCaller, relative: string): Answer {
  const path = absolute(caller, relative);
  const node = getNode(caller, path, WRITE);
  if (isNode(node)) return OK;
  return node === 'ENOENT' ? create(caller, path, EMPTY) : node;
}

export function rm(caller: NodeCaller, relative: string): Answer {
  const path = absolute(caller, relative);
  const node = getNode(caller, path, WRITE);
  if (!isNode(node)) {
    if (node !== 'ENOENT') return node;
    const parent = caller.view.read(parentPath(path));
    return isNode(parent) ? OK : parent;
  }
  if (path === '/') return 'EINVAL';
  return removeTree(caller.view, path) ?? OK;
}

export function getPermissions(caller: NodeCaller, path: string): Answer {
  const node = getNode(caller, absolute(caller, path), READ);
  if (!isNode(node)) return node;
  return Buffer.from(renderPermissionList(current(caller, node)));
}

export function setPermissions(
  caller: NodeCaller,
  relative: string,
  texts: readonly string[],
): Answer {
  const permissions = checkPermissions(caller, texts);
  if (typeof permissions === 'string') return permissions;
  const path = absolute(caller, relative);
  const node = getNode(caller, path, WRITE | OWNER);
  if (!isNode(node)) return node;
  const changesOwner = permissions[0].domid !== node.permissions[0].domid;
  if (changesOwner && !caller.connection.isPrivileged) return 'EPERM';
  const permissionsBefore = current(caller, node);
  const { value, children } = node;
  const refusal = update(caller, path, { value, permissions, children });
  if (refusal !== undefined) return refusal;
  caller.view.announce(path, { permissionsBefore });
  return OK;
}

/** A new list, checked against the domains that there are; entries for none are void, an owner must exist. */
export function checkPermissions(
  { connection, domains, quotas }: Pick<NodeCaller, 'connection' | 'domains' | 'quotas'>,
  texts: readonly string[],
): PermissionList | WireError {
  if (!connection.isPrivileged && texts.length > quotas.permissions) return 'ENOSPC';
  const list = parsePermissionList(texts);
  if (list === undefined) return 'EINVAL';
  const [owner, ...listed] = list;
  if (domains.findOrRemember(owner.domid) === undefined) return 'ENOENT';
  return [
    owner,
    ...listed.map((entry) =>
      domains.findOrRemember(entry.domid) === undefined ? { ...entry, isVoid: true } : entry,
    ),
  ];
}

/** Removes a node and all below, telling watchers of each, and takes its name from the parent. */
export function removeTree(view: View, path: string): WireError | undefined {
  const above = parentPath(path);
  const parent = view.read(above);
  if (!isNode(parent)) return parent === 'ENOENT' ? 'EINVAL' : parent;
  const doomed = listTree(view, path);
  if (typeof doomed === 'string') return doomed;
  for (const [at, removed] of doomed) {
    // Told while the parent can still be asked who may know.
    view.announce(at, { isExact: at !== path, removed });
    view.remove(at);
  }
  view.put(above, { ...parent, children: parent.children.without(baseName(path)) });
  return undefined;
}

/**
 * The node and all below, children before their parent. They are read parents first: that is the order in which a
 * transaction meets them, and tells of them. With an explicit stack, because guests choose the depth.
 */
function listTree(view: View, root: string): readonly [string, StoreNode][] | WireError {
  const found: [string, StoreNode][] = [];
  const open: { path: string; node: StoreNode; names: string[] }[] = [];
  const enter = (path: string): WireError | undefined => {
    const node = view.read(path);
    // A transaction can see a child's name without the child when others have removed it: it will fail at its end.
    if (!isNode(node)) return node === 'ENOENT' ? undefined : node;
    open.push({ path, node, names: node.children.list().reverse() });
    return undefined;
  };
  let refusal = enter(root);
  for (let last = open.at(-1); last !== undefined && refusal === undefined; last = open.at(-1)) {
    const name = last.names.pop();
    if (name !== undefined) {
      refusal = enter(childPath(last.path, name));
      continue;
    }
    found.push([last.path, last.node]);
    open.pop();
  }
  return refusal ?? found;
}

/**
 * The node, if the caller has all of `rights`. Without them, or without a node, the error tells nothing that the first
 * existing node above would not let the caller see.
 */
function getNode(caller: NodeCaller, path: string, rights: number): StoreNode | WireError {
  const { connection, view, domains } = caller;
  // What the tree has is well-formed; a transaction keeps what it is asked for, so it is asked for nothing else.
  if (view.isTransaction && !isValid(caller, path)) return 'EINVAL';
  const node = view.read(path);
  if (isNode(node)) {
    if (connection.isPrivileged) return node;
    if ((rightsOf(connection, node, domains.isCurrent) & rights) === rights) return node;
  } else if (node !== 'ENOENT') {
    return node;
  } else if (!isValid(caller, path)) {
    return 'EINVAL';
  }
  for (let at = path; at !== '/';) {
    at = parentPath(at);
    const above = view.read(at);
    if (isNode(above)) {
      const mayKnow = (rightsOf(connection, above, domains.isCurrent) & rights) !== 0;
      return mayKnow && !isNode(node) ? node : 'EACCES';
    }
    if (above !== 'ENOENT') return above;
  }
  return 'EACCES';
}

function isValid({ quotas }: NodeCaller, path: string): boolean {
  return isNodePath(path, quotas.pathBytes);
}

/** Makes the node and those missing above it, which take over the list of the first one that is there. */
function create(caller: NodeCaller, path: string, value: Uint8Array): Answer {
  const { connection, view } = caller;
  const missing = [path];
  let above = parentPath(path);
  let parent = view.read(above);
  while (!isNode(parent)) {
    if (parent !== 'ENOENT' || above === '/') return parent;
    missing.push(above);
    above = parentPath(above);
    parent = view.read(above);
  }
  const fresh = current(caller, parent);
  const [owner, ...listed] = fresh;
  const permissions: PermissionList = connection.isPrivileged
    ? fresh
    : [{ ...owner, domid: connection.domid }, ...listed];
  const refusal = checkCreation(caller, { missing, parent, permissions, value });
  if (refusal !== undefined) return refusal;
  // From the leaf up, like the C daemon: the order in which a transaction meets the nodes is the order of its events.
  let [child, content]: [string, Uint8Array] = ['', value];
  for (const at of missing) {
    const children = new ChildNames(child === '' ? [] : [child]);
    view.put(at, { value: content, permissions, children });
    [child, content] = [baseName(at), EMPTY];
  }
  view.put(above, { ...parent, children: parent.children.with(child) });
  view.announce(path, {});
  return OK;
}

interface Creation {
  readonly missing: readonly string[];
  readonly parent: StoreNode;
  readonly permissions: PermissionList;
  readonly value: Uint8Array;
}

/** Quotas of a creation: how many nodes, how large each record becomes, and the memory of all. */
function checkCreation(
  caller: NodeCaller,
  { missing, parent, permissions, value }: Creation,
): WireError | undefined {
  const { connection, view, domains, quotas } = caller;
  const contents = missing.map((path, index) => {
    const below = missing[index - 1];
    const childBytes = below === undefined ? 0 : baseName(below).length + 1;
    return { path, permissions, value: below === undefined ? value : EMPTY, childBytes };
  });
  const childBytes = parent.children.bytes + baseName(missing.at(-1) ?? '').length + 1;
  if (!connection.isPrivileged) {
    const owned = domains.find(connection.domid)?.owned.size ?? 0;
    // Those of a transaction count together at its end.
    const created = view.isTransaction ? 1 : missing.length;
    if (owned + created > quotas.nodes) return 'ENOSPC';
    const records = [...contents, { ...parent, childBytes }].map(recordBytes);
    if (records.some((bytes) => bytes >= quotas.nodeBytes)) {
      view.fail();
      return 'ENOSPC';
    }
  }
  const bytes = contents.reduce((sum, node) => sum + node.path.length + recordBytes(node), 0);
  return checkMemory(caller, permissions[0].domid, bytes);
}

/** Replaces a node that is there, if its record stays below the quota. */
function update(caller: NodeCaller, path: string, content: NodeContent): WireError | undefined {
  const { connection, view, quotas } = caller;
  const { permissions, value, children } = content;
  if (!connection.isPrivileged || permissions[0].domid !== 0) {
    const bytes = recordBytes({ permissions, value, childBytes: children.bytes });
    if (!connection.isPrivileged && bytes >= quotas.nodeBytes) {
      view.fail();
      return 'ENOSPC';
    }
    const before = view.read(path);
    const added = bytes + path.length - (isNode(before) ? before.storedBytes : 0);
    const refusal = checkMemory(caller, permissions[0].domid, added);
    if (refusal !== undefined) return refusal;
  }
  view.put(path, content);
  return undefined;
}

/** Whether so many bytes more are too many: for the owner of the nodes, or for whoever holds them in a transaction. */
function checkMemory(
  { connection, view, memory }: NodeCaller,
  owner: number,
  bytes: number,
): WireError | undefined {
  if (memory.hasRoom(view.isTransaction ? connection.domid : owner, bytes)) return undefined;
  view.fail();
  // The C daemon's word for whatever keeps a record from being written.
  return 'EIO';
}

/** The node's list as far as it still means anything. */
function current({ domains }: NodeCaller, node: StoreNode): PermissionList {
  return currentPermissions(node, domains.isCurrent);
}

function absolute({ connection }: NodeCaller, path: string): string {
  return canonicalPath(path, connection.root);
}
