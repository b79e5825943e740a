/**
 * Transactions of one process, one at a time. Starts of many VMs side by side all write below the same folders, and xenstored lets one of two such
 * transactions fail: without turns they get in each other's way until they give up. What others do stays xenstored's business.
 */
import type { Clock } from '@xenops/core/host';
import type { XenStore } from '@xenops/core/xenstore';

/** After so long the next one does not wait for the one before it: a connection that is stalled must not stall the rest. */
const TURN_MS = 1000;

/** Who is next. */
export class Turns {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs it after those that came before, or when each has had its time. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    let done: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#last = before.then(() => this.#atMost(ended));
    await before;
    try {
      return await work();
    } finally {
      done();
    }
  }

  async #atMost(ended: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.startTimer(TURN_MS, resolve);
      void ended.then(() => {
        timer[Symbol.dispose]();
        resolve();
      });
    });
  }
}

/** The same store, whose transactions take turns with those of others that share `turns`. */
export function takeTurns(store: XenStore, turns: Turns): XenStore {
  const transaction: XenStore['transaction'] = (body, options) =>
    turns.take(() => store.transaction(body, options));
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transaction') return transaction;
      const member: unknown = Reflect.get(target, name, target);
      // Bound, because private fields are those of the store itself.
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
