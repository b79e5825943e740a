/** A node of xenstore that a guest may write, followed at a pace that the guest does not set. */
import type { Clock } from '@xenops/core/host';
import type { XenStore } from '@xenops/core/xenstore';
import type { NodeListener } from './vm-host.ts';

/** Between two looks at a node that changes all the time. */
const PACE_MS = 50;
/** Longest value that is passed on. */
const VALUE_MAX = 4096;

/**
 * Tells the value now and whenever it is another; undefined: the node is not there. What changes faster than the pace is told of by its last
 * value. `fail` is called when it ends by itself.
 */
export async function followNode(
  { store, clock }: { readonly store: XenStore; readonly clock: Clock },
  path: string,
  { tell, fail }: NodeListener,
): Promise<AsyncDisposable> {
  const watch = await store.watch(path);
  let isEnded = false;
  let last: { readonly value: string | undefined } | undefined;
  let release: () => void = () => undefined;
  const pause = async (): Promise<void> => {
    if (isEnded) return;
    await new Promise<void>((resolve) => {
      const timer = clock.startTimer(PACE_MS, resolve);
      release = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
  };
  const follow = async (): Promise<void> => {
    for await (const _event of watch) {
      if (isEnded) return;
      const value = (await store.find(path))?.slice(0, VALUE_MAX);
      if (last !== undefined && last.value === value) continue;
      last = { value };
      tell(value);
      await pause();
    }
  };
  const following = follow().catch((error: unknown) => {
    if (!isEnded) fail(error);
  });
  return {
    async [Symbol.asyncDispose]() {
      isEnded = true;
      release();
      await watch[Symbol.asyncDispose]();
      await following;
    },
  };
}
