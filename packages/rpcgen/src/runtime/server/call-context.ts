import type { DriverMethod } from '../driver.ts';
import type { IncomingMessage } from '../wire/message.ts';

/** How to ask the bus. */
export type DriverCall = (
  method: DriverMethod,
  args: readonly unknown[],
) => Promise<readonly unknown[]>;

/** Who calls what: the last argument of every handler. */
export class CallContext {
  /** The unique name of the caller, which the bus vouches for. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly #callDriver: DriverCall;

  constructor(message: IncomingMessage, owner: string, callDriver: DriverCall) {
    this.sender = message.sender;
    this.path = message.path;
    this.interface = owner;
    this.member = message.member;
    this.#callDriver = callDriver;
  }

  /** The Unix user id of the caller, as the bus knows it. Rejects when the caller has left. */
  async uid(): Promise<number> {
    return Number((await this.#callDriver('GetConnectionUnixUser', [this.sender]))[0]);
  }

  /** The process id of the caller. It may have ended, and the number may belong to another process by now. */
  async pid(): Promise<number> {
    return Number((await this.#callDriver('GetConnectionUnixProcessID', [this.sender]))[0]);
  }
}
