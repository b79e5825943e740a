import { CleanupStack } from '../lifetime/cleanup-stack.ts';
import { withDeadline, type AwaitedThing, type WaitOptions } from '../lifetime/deadline.ts';
import type { Watch, XenStore, XenStoreTree } from './xenstore.ts';

/** What to wait for: look again whenever something at these paths changes. */
export interface Condition<T> extends AwaitedThing {
  readonly paths: readonly string[];
  /** The result, or undefined for "not yet". Runs once after the watches are in place, then after each event. */
  readonly look: (tree: XenStoreTree) => Promise<T | undefined>;
}

/**
 * Waits until `look` finds what it wants. Rejects with TIMEOUT, ABORTED, or what `look` throws; the watches are gone
 * again in every case.
 */
export async function waitFor<T>(
  store: XenStore,
  condition: Condition<T>,
  options: WaitOptions,
): Promise<T> {
  return withDeadline(condition, options, async (signal) => {
    await using watches = new CleanupStack();
    const registered: Watch[] = [];
    for (const path of condition.paths) {
      const watch = await store.watch(path, { signal });
      watches.push(`the watch on ${path}`, async () => watch[Symbol.asyncDispose]());
      registered.push(watch);
    }
    return await firstFound(registered, () => condition.look(store), signal);
  });
}

/** Looks after each event of any watch, one look at a time; events during a look cause one more. */
async function firstFound<T>(
  watches: readonly Watch[],
  look: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let looking = false;
    let again = false;
    const lookNow = async (): Promise<void> => {
      again = true;
      if (looking) return;
      looking = true;
      while (again && !signal.aborted) {
        again = false;
        const found = await look();
        if (found !== undefined) resolve(found);
      }
      looking = false;
    };
    const follow = async (watch: Watch): Promise<void> => {
      for await (const _event of watch) await lookNow();
    };
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    for (const watch of watches) follow(watch).catch(reject);
    lookNow().catch(reject);
  });
}
