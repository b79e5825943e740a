/**
 * Names on the bus: which we own, and who owns those that somebody watches. Both survive a reconnection. The owner
 * that is known here lags behind the bus by no message: the bus orders NameOwnerChanged before anything that the new
 * owner sends.
 */
import { BusError, DbusError, STANDARD_ERROR } from './errors.ts';
import { DRIVER, REQUEST_NAME_FLAG, REQUEST_NAME_REPLY, type DriverMethod } from './driver.ts';
import type { ReceivedSignal } from './signal-router.ts';
import type { SignalRule } from './wire/match-rule.ts';

/** How to own a name. */
export interface NameOptions {
  /** Take it from an owner that allows it. */
  readonly replace?: boolean;
  /** Let others take it from us in the same way. */
  readonly allowReplacement?: boolean;
  /** Wait in the queue when it is taken, instead of failing. */
  readonly queue?: boolean;
}

/** What owns a name changed: undefined stands for nobody. */
export type OwnerListener = (owner: string | undefined) => void;

/** Something that lasts until it is closed. */
export interface Subscription extends Disposable {
  /** Ends it at once. Harmless the second time. */
  close(): void;
}

/** Makes a subscription that runs a function when it is closed, once. */
export function subscription(onClose: () => void): Subscription {
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    onClose();
  };
  return { close, [Symbol.dispose]: close };
}

/** What the names need of the bus. */
export interface NamePort {
  callDriver(method: DriverMethod, args: readonly unknown[]): Promise<readonly unknown[]>;
  subscribeRaw(rule: SignalRule, deliver: (signal: ReceivedSignal) => void): Promise<Subscription>;
}

interface Watch {
  owner: string | undefined;
  /** The bus has told of a change since we last asked; what it told is newer than any answer. */
  isTold: boolean;
  /** Listeners, and those who wait to become one. */
  users: number;
  readonly listeners: Set<OwnerListener>;
  readonly ready: Promise<void>;
  changes: Subscription | undefined;
}

/** See the module comment. */
export class BusNames {
  readonly #port: NamePort;
  readonly #owned = new Map<string, NameOptions>();
  readonly #watches = new Map<string, Watch>();

  constructor(port: NamePort) {
    this.#port = port;
  }

  /** Becomes the owner of a name, or with `queue` the next. Rejects with `DBUS_NAME_TAKEN`. */
  async request(name: string, options: NameOptions): Promise<'owner' | 'queued'> {
    const [reply] = await this.#port.callDriver('RequestName', [name, flagsOf(options)]);
    if (reply === REQUEST_NAME_REPLY.exists) {
      throw new BusError('DBUS_NAME_TAKEN', {
        message: 'The bus name belongs to another connection',
        context: { name },
      });
    }
    this.#owned.set(name, options);
    return reply === REQUEST_NAME_REPLY.queued ? 'queued' : 'owner';
  }

  /** Gives a name back. */
  async release(name: string): Promise<void> {
    this.#owned.delete(name);
    await this.#port.callDriver('ReleaseName', [name]);
  }

  /** Takes back on a new connection what was owned, and looks again at what is watched. */
  async restore(): Promise<void> {
    for (const [name, options] of this.#owned) {
      await this.#port.callDriver('RequestName', [name, flagsOf(options)]);
    }
    for (const [name, watch] of this.#watches) {
      watch.isTold = false;
      const owner = await this.findOwner(name);
      if (!isTold(watch)) this.#update(watch, owner);
    }
  }

  /** Everything watched has lost its owner: the connection is gone. */
  forget(): void {
    for (const watch of this.#watches.values()) this.#update(watch, undefined);
  }

  /** The unique name of the owner, asked of the bus; undefined when there is none. */
  async findOwner(name: string): Promise<string | undefined> {
    try {
      const [owner] = await this.#port.callDriver('GetNameOwner', [name]);
      return typeof owner === 'string' ? owner : undefined;
    } catch (error) {
      if (error instanceof DbusError && error.errorName === STANDARD_ERROR.nameHasNoOwner) {
        return undefined;
      }
      throw error;
    }
  }

  /** The owner of a name that is being watched. */
  ownerNow(name: string): string | undefined {
    return this.#watches.get(name)?.owner;
  }

  /** Calls back with the owner now and whenever it changes. Resolves after the first time. */
  async watch(name: string, listener: OwnerListener): Promise<Subscription> {
    let watch = this.#watches.get(name);
    if (watch === undefined) {
      watch = this.#startWatch(name);
      this.#watches.set(name, watch);
    }
    const used = watch;
    const leave = (): void => {
      if (--used.users > 0) return;
      if (this.#watches.get(name) === used) this.#watches.delete(name);
      used.changes?.close();
    };
    used.users++;
    try {
      await used.ready;
    } catch (error) {
      leave();
      throw error;
    }
    // Only now, so that the first call of the listener is the present owner.
    used.listeners.add(listener);
    listener(used.owner);
    return subscription(() => {
      used.listeners.delete(listener);
      leave();
    });
  }

  #startWatch(name: string): Watch {
    const rule = {
      sender: DRIVER.name,
      path: DRIVER.path,
      interface: DRIVER.interface,
      member: 'NameOwnerChanged',
      arg0: name,
    };
    const onChange = ({ args: [changed, , owner] }: ReceivedSignal): void => {
      if (changed !== name) return;
      watch.isTold = true;
      this.#update(watch, owner === '' ? undefined : String(owner));
    };
    const start = async (): Promise<void> => {
      const changes = await this.#port.subscribeRaw(rule, onChange);
      watch.changes = changes;
      const owner = await this.findOwner(name);
      if (!watch.isTold) watch.owner = owner;
    };
    const watch: Watch = {
      owner: undefined,
      isTold: false,
      users: 0,
      changes: undefined,
      listeners: new Set(),
      ready: start(),
    };
    return watch;
  }

  #update(watch: Watch, owner: string | undefined): void {
    if (watch.owner === owner) return;
    watch.owner = owner;
    for (const listener of [...watch.listeners]) listener(owner);
  }
}

/** Asked anew after each wait, in which it may have changed. */
function isTold(watch: Watch): boolean {
  return watch.isTold;
}

function flagsOf({
  replace = false,
  allowReplacement = false,
  queue = false,
}: NameOptions): number {
  return (
    (replace ? REQUEST_NAME_FLAG.replace : 0) |
    (allowReplacement ? REQUEST_NAME_FLAG.allowReplacement : 0) |
    (queue ? 0 : REQUEST_NAME_FLAG.doNotQueue)
  );
}
