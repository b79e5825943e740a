/**
 * Permission lists of xenstore nodes. The first entry is the owner, and its access is the default for every domain that
 * is not listed; the owner and privileged domains have full access (docs/misc/xenstore.txt, `SET_PERMS`).
 */
import { type Domid, findDomid } from '../ids.ts';
import { ProtocolError } from '../errors.ts';

/** What a domain may do: nothing, read, write, or both. */
export type Access = 'none' | 'read' | 'write' | 'both';

const LETTERS = { none: 'n', read: 'r', write: 'w', both: 'b' } as const satisfies Record<
  Access,
  string
>;

export interface Permission {
  readonly domid: Domid;
  readonly access: Access;
}

export interface Permissions {
  readonly owner: Domid;
  /** Access of domains that are not listed. */
  readonly others: Access;
  /** Further domains, in order. */
  readonly listed: readonly Permission[];
}

/** The node belongs to `owner`; these `readers` may read it, everybody else nothing (`n0 r7` as xenstore-ls -p shows). */
export function ownedBy(owner: Domid, ...readers: readonly Domid[]): Permissions {
  const listed = readers.map((reader): Permission => ({ domid: reader, access: 'read' }));
  return { owner, others: 'none', listed };
}

/** The texts of the wire, owner first: `n0`, `r7`. */
export function renderPermissions(permissions: Permissions): readonly string[] {
  const { owner, others, listed } = permissions;
  return [
    `${LETTERS[others]}${owner}`,
    ...listed.map(({ domid, access }) => `${LETTERS[access]}${domid}`),
  ];
}

/** The list from the texts of the wire. Throws PROTOCOL_REMOTE when one is malformed. */
export function parsePermissions(texts: readonly string[]): Permissions {
  const [first, ...listed] = texts.map(parsePermission);
  if (first === undefined) {
    throw new ProtocolError('PROTOCOL_REMOTE', { message: 'A permission list has an owner' });
  }
  return { owner: first.domid, others: first.access, listed };
}

/** One entry from its text, such as `r7`. Throws PROTOCOL_REMOTE. */
export function parsePermission(text: string): Permission {
  const access = ACCESS_BY_LETTER.get(text.slice(0, 1));
  const domid = findDomid(text.slice(1));
  if (access === undefined || domid === undefined) {
    throw new ProtocolError('PROTOCOL_REMOTE', {
      message: 'A permission is one of n, r, w, b and a domid',
      context: { text: text.slice(0, 32) },
    });
  }
  return { domid, access };
}

const ACCESS_BY_LETTER: ReadonlyMap<string, Access> = new Map([
  ['n', 'none'],
  ['r', 'read'],
  ['w', 'write'],
  ['b', 'both'],
]);
