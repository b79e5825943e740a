/**
 * The few things that only one operation at a time may do, by name. A lock is waited for in the order of asking and
 * with a time limit. An operation that needs several takes them in the order of `LOCK_NAMES`; asking for an earlier
 * one while holding a later one is not possible through `acquire`, which takes all at once.
 */
import { withDeadline, type WaitOptions } from '@xenops/core/lifetime';

/** Creating a VM, giving out slots, taking memory, moving NICs between networks; in the order of taking. */
export const LOCK_NAMES = ['create', 'slot', 'memory', 'network'] as const;
export type LockName = (typeof LOCK_NAMES)[number];

interface Waiter {
  readonly owner: string;
  readonly grant: () => void;
}

interface LockState {
  owner: string | undefined;
  readonly waiters: Waiter[];
}

export class Locks {
  readonly #states: ReadonlyMap<LockName, LockState> = new Map(
    LOCK_NAMES.map((name) => [name, { owner: undefined, waiters: [] }]),
  );

  /**
   * Takes locks, until the result is disposed. `owner` says who holds them, for those who wait in vain.
   * Rejects with TIMEOUT, which names the present owner, or ABORTED; nothing is held then.
   */
  async acquire(
    names: readonly LockName[],
    owner: string,
    options: WaitOptions,
  ): Promise<Disposable> {
    const held: LockName[] = [];
    try {
      for (const name of LOCK_NAMES.filter((candidate) => names.includes(candidate))) {
        await this.#acquireOne(name, owner, options);
        held.push(name);
      }
    } catch (error) {
      this.#releaseAll(held);
      throw error;
    }
    return { [Symbol.dispose]: () => this.#releaseAll(held.splice(0)) };
  }

  /** Who holds a lock; undefined while it is free. */
  owner(name: LockName): string | undefined {
    return this.#state(name).owner;
  }

  #acquireOne(name: LockName, owner: string, options: WaitOptions): Promise<void> {
    const state = this.#state(name);
    const thing = {
      what: `the lock "${name}"`,
      lastState: () => `held by ${state.owner ?? 'nobody'}`,
    };
    // The promise of the grant itself is returned, so that a grant is never lost to a deadline right behind it.
    return withDeadline(
      thing,
      options,
      (signal) =>
        new Promise<void>((resolve) => {
          if (state.owner === undefined) {
            state.owner = owner;
            resolve();
            return;
          }
          const waiter: Waiter = { owner, grant: resolve };
          state.waiters.push(waiter);
          signal.addEventListener('abort', () => remove(state.waiters, waiter), { once: true });
        }),
    );
  }

  #releaseAll(names: readonly LockName[]): void {
    for (const name of names.toReversed()) {
      const state = this.#state(name);
      const next = state.waiters.shift();
      state.owner = next?.owner;
      next?.grant();
    }
  }

  #state(name: LockName): LockState {
    const state = this.#states.get(name);
    if (state === undefined) throw new TypeError(`There is no lock ${name}`);
    return state;
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}
