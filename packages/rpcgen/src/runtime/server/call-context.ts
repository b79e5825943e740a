import type { DriverMethod } from '../driver.ts';
import { DbusError, STANDARD_ERROR } from '../errors.ts';
import type { Callers, Credentials } from './callers.ts';

/** How to ask the bus. */
export type DriverCall = (
  method: DriverMethod,
  args: readonly unknown[],
) => Promise<readonly unknown[]>;

/** Who calls what: the last argument of every handler. */
export class CallContext {
  /** The unique name of the caller, which the bus vouches for; our own where a property is read to tell of its change. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly #callers: Callers;

  constructor(
    { sender, path, member }: Pick<CallContext, 'sender' | 'path' | 'member'>,
    owner: string,
    callers: Callers,
  ) {
    this.sender = sender;
    this.path = path;
    this.interface = owner;
    this.member = member;
    this.#callers = callers;
  }

  /** What the bus knows of the caller; it is asked once for each. Rejects when the caller has left. */
  credentials(): Promise<Credentials> {
    return this.#callers.get(this.sender);
  }

  /** The Unix user id of the caller. As `credentials`. */
  async uid(): Promise<number> {
    return (await this.credentials()).uid;
  }

  /** The process id of the caller. As `credentials`; throws AccessDenied where the bus cannot tell. */
  async pid(): Promise<number> {
    const { pid } = await this.credentials();
    if (pid !== undefined) return pid;
    const text = 'The bus does not know the process of the caller';
    throw new DbusError(STANDARD_ERROR.accessDenied, text);
  }
}
