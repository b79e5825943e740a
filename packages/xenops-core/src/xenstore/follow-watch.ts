/** A watch for those who would rather be called than iterate. */
import type { WatchEvent, XenStore } from './xenstore.ts';

export interface WatchListener {
  /** Called for each event, also the one that comes at once; not again before what it returns has settled. */
  readonly onEvent: (event: WatchEvent) => void | Promise<void>;
  /** Called once when no more events will come; `failure` says why, unless the watch was disposed of or reset. */
  readonly onEnd?: (failure?: unknown) => void;
}

/**
 * Registers a watch and calls back for its events until it is disposed of. What `onEvent` throws ends it. Rejects as
 * `XenStore.watch` does.
 */
export async function followWatch(
  store: XenStore,
  path: string,
  { onEvent, onEnd = () => undefined }: WatchListener,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<AsyncDisposable> {
  const watch = await store.watch(path, options);
  const follow = async (): Promise<void> => {
    await using _watch = watch;
    for await (const event of watch) await onEvent(event);
  };
  follow().then(
    () => onEnd(),
    (failure: unknown) => onEnd(failure),
  );
  return watch;
}
