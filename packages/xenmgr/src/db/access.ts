/**
 * Who may call the database. The old service asked for the domain of a caller; on a bus of one host there is none, so
 * that rights go by Unix user: root, and the members of one group. A guest reaches its own storage only through what
 * speaks for it, which is one of those.
 */
import { readFile } from 'node:fs/promises';
import { DbusError, STANDARD_ERROR, type Bus, type CallContext } from '@xenops/rpcgen/runtime';

/** Tells whether a user, by Unix user id, may read and change the whole tree. */
export type AccessRule = (uid: number) => Promise<boolean>;

/** Callers whose rights are remembered; past it they are asked for again. */
const CALLERS_MAX = 1024;

/** The rights of callers, each asked for once: a unique name is never given twice by one bus. */
export class CallerAccess implements Disposable {
  readonly #rule: AccessRule;
  readonly #allowed = new Map<string, Promise<boolean>>();
  readonly #subscription: Disposable;

  constructor(bus: Bus, rule: AccessRule) {
    this.#rule = rule;
    // Another bus gives the same names to other callers.
    this.#subscription = bus.onStateChange(() => this.#allowed.clear());
  }

  /** Throws the error reply AccessDenied unless the caller may do what it wants. */
  async check(context: CallContext): Promise<void> {
    if (await this.#isAllowed(context)) return;
    throw new DbusError(
      STANDARD_ERROR.accessDenied,
      'The database is open to root and to the members of its group only',
    );
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #isAllowed(context: CallContext): Promise<boolean> {
    const known = this.#allowed.get(context.sender);
    if (known !== undefined) return known;
    if (this.#allowed.size >= CALLERS_MAX) this.#allowed.clear();
    const asked = context.uid().then(this.#rule);
    this.#allowed.set(context.sender, asked);
    asked.catch(() => this.#allowed.delete(context.sender));
    return asked;
  }
}

/** Where users and groups are listed. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

const SYSTEM_FILES: AccountFiles = { passwd: '/etc/passwd', group: '/etc/group' };

/** The rule for root and the members of a group; a group that does not exist has no members. */
export function rootAndGroup(group: string, files: AccountFiles = SYSTEM_FILES): AccessRule {
  return async (uid) => {
    if (uid === 0) return true;
    const [passwd, groups] = await Promise.all([
      readFile(files.passwd, 'utf8'),
      readFile(files.group, 'utf8'),
    ]);
    return isMember(uid, group, passwd, groups);
  };
}

/** Sources: passwd(5) `name:x:uid:gid:...`, group(5) `name:x:gid:member,member`. */
function isMember(uid: number, group: string, passwd: string, groups: string): boolean {
  const entry = fieldsOf(groups).find(([name]) => name === group);
  if (entry === undefined) return false;
  const [, , gid, members = ''] = entry;
  return fieldsOf(passwd)
    .filter(([, , id]) => id === String(uid))
    .some(([name, , , primary]) => primary === gid || members.split(',').includes(name ?? ''));
}

function fieldsOf(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split(':'));
}
