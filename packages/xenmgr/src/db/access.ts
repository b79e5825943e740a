/**
 * Who may call the manager and its database. The old service asked for the domain of a caller; on a bus of one host there is none, so
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
  readonly #bus: Bus;
  readonly #rule: AccessRule;
  readonly #what: string;
  readonly #allowed = new Map<string, true | Promise<boolean>>();
  readonly #subscription: Disposable;

  /** `what` is what callers are kept from, at the start of a sentence. */
  constructor(bus: Bus, rule: AccessRule, what: string) {
    this.#bus = bus;
    this.#rule = rule;
    this.#what = what;
    // Another bus gives the same names to other callers.
    this.#subscription = bus.onStateChange(() => this.#allowed.clear());
  }

  /** Undefined for a caller that is known to be allowed; else rejects with AccessDenied unless it is. */
  check(context: CallContext): Promise<void> | undefined {
    const known = this.#allowed.get(context.sender);
    // What we tell of our own accord is read by ourselves.
    if (known === true || context.sender === this.#bus.uniqueName) return undefined;
    return this.#refuse(known ?? this.#ask(context));
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  async #refuse(isAllowed: Promise<boolean>): Promise<void> {
    if (await isAllowed) return;
    throw new DbusError(
      STANDARD_ERROR.accessDenied,
      `${this.#what} is open to root and to the members of its group only`,
    );
  }

  #ask(context: CallContext): Promise<boolean> {
    if (this.#allowed.size >= CALLERS_MAX) this.#allowed.clear();
    const { sender } = context;
    const asked = context.uid().then(this.#rule);
    this.#allowed.set(sender, asked);
    asked
      .then((isAllowed) => {
        if (isAllowed && this.#allowed.get(sender) === asked) this.#allowed.set(sender, true);
      })
      .catch(() => this.#allowed.delete(sender));
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
