/**
 * Who may do what to a node (docs/misc/xenstore.txt, SET_PERMS). The first entry is the owner, and its letter counts for
 * everybody not listed. An entry is worth nothing to a domain that is younger than the node's last change: it was meant
 * for an earlier domain of that number.
 */
import type { StoreNode } from './store-node.ts';

/** Bits of rights. */
export const READ = 1;
export const WRITE = 2;
export const OWNER = 4;
const ALL = READ | WRITE | OWNER;

export interface PermissionEntry {
  readonly domid: number;
  /** READ, WRITE, both or 0. */
  readonly rights: number;
  /** No domain had that number when the entry was made: it never counts. */
  readonly isVoid?: boolean;
}

/** Never empty. */
export type PermissionList = readonly [PermissionEntry, ...PermissionEntry[]];

/** What rights depend on, of a connection. */
export interface Identity {
  readonly domid: number;
  readonly isPrivileged: boolean;
  /** The domain that a stub domain serves and whose rights it shares. */
  readonly target?: { readonly domid: number } | undefined;
}

/** Whether the domain of that number is there and not younger than `generation`. */
export type IsCurrent = (domid: number, generation: number) => boolean;

/** The rights of one connection by one list, as a sum of bits. */
export function rightsOf(
  who: Identity,
  node: Pick<StoreNode, 'permissions' | 'generation'>,
  isCurrent: IsCurrent,
): number {
  if (who.isPrivileged) return ALL;
  const [owner, ...listed] = node.permissions;
  const target = who.target?.domid;
  if (owner.domid === who.domid || owner.domid === target) return ALL;
  for (const entry of listed) {
    if (entry.domid !== who.domid && entry.domid !== target) continue;
    if (entry.isVoid !== true && isCurrent(entry.domid, node.generation)) return entry.rights;
  }
  return owner.rights;
}

/** The list without entries for domains that are gone. */
export function currentPermissions(
  node: Pick<StoreNode, 'permissions' | 'generation'>,
  isCurrent: IsCurrent,
): PermissionList {
  const [owner, ...listed] = node.permissions;
  if (listed.length === 0) return node.permissions;
  const isKept = ({ domid, isVoid }: PermissionEntry): boolean =>
    isVoid !== true && isCurrent(domid, node.generation);
  return listed.every(isKept) ? node.permissions : [owner, ...listed.filter(isKept)];
}

const LETTERS = ['n', 'r', 'w', 'b'];

/** The list as GET_PERMS answers it. */
export function renderPermissionList(list: PermissionList): string {
  return list.map(({ domid, rights }) => `${LETTERS[rights] ?? 'n'}${domid}\0`).join('');
}

/** A letter and a number as `strtol` takes it: decimal, octal or hexadecimal, with a sign and spaces before. */
const ENTRY = /^[nrwb][ \t-\r]*([-+]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i;

/** The list from the texts of SET_PERMS (`xs_strings_to_perms`, tools/xenstore/xs_lib.c); undefined when malformed. */
export function parsePermissionList(texts: readonly string[]): PermissionList | undefined {
  const entries: PermissionEntry[] = [];
  for (const text of texts) {
    const rights = LETTERS.indexOf(text.slice(0, 1));
    const [, sign, digits = ''] = ENTRY.exec(text) ?? [];
    if (rights < 0 || sign === undefined) return undefined;
    const number = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
    entries.push({ domid: (sign === '-' ? -number : number) >>> 0, rights });
  }
  const [owner, ...listed] = entries;
  return owner === undefined ? undefined : [owner, ...listed];
}
