/** Who stands behind a unique name. */
import { DbusError, STANDARD_ERROR } from '../errors.ts';
import { CACHE_ENTRIES_MAX } from '../limits.ts';
import type { Variant } from '../values.ts';
import type { DriverCall } from './call-context.ts';

/** What the bus knows of a caller, from when it connected. */
export interface Credentials {
  /** Unix user id. */
  readonly uid: number;
  /** Process id; undefined where the bus cannot tell. The process may have ended, and its number be another's. */
  readonly pid: number | undefined;
}

/** Asks the bus for each caller once: a bus never gives a unique name twice. */
export class Callers {
  readonly #callDriver: DriverCall;
  readonly #known = new Map<string, Promise<Credentials>>();

  constructor(callDriver: DriverCall) {
    this.#callDriver = callDriver;
  }

  /** Who the caller is. Rejects when it has left. */
  get(sender: string): Promise<Credentials> {
    const known = this.#known.get(sender);
    if (known !== undefined) return known;
    if (this.#known.size >= CACHE_ENTRIES_MAX) this.#known.clear();
    const asked = this.#ask(sender);
    this.#known.set(sender, asked);
    asked.catch(() => this.#known.delete(sender));
    return asked;
  }

  /** Forgets all: another bus gives the same names to others. */
  clear(): void {
    this.#known.clear();
  }

  async #ask(sender: string): Promise<Credentials> {
    const [reply] = await this.#callDriver('GetConnectionCredentials', [sender]);
    // The signature of the reply was checked.
    const credentials = reply as ReadonlyMap<string, Variant>;
    const uid = credentials.get('UnixUserID')?.value;
    const pid = credentials.get('ProcessID')?.value;
    if (typeof uid !== 'number') {
      const text = 'The bus does not know the user of the caller';
      throw new DbusError(STANDARD_ERROR.accessDenied, text);
    }
    return { uid, pid: typeof pid === 'number' ? pid : undefined };
  }
}
