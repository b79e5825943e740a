/**
 * A store that outlives a failed write. LevelDB may not be written to after one: what it appends behind a torn record
 * can be lost when its log is read again. So the store is closed and, for the next write, opened anew, which drops the
 * torn record. A write that failed after its last byte may still be there then; the next one first puts back what the
 * keys in doubt are known to hold.
 */
import { formatPath } from './path.ts';
import type { OpenStore, Store } from './store.ts';
import { nodeAt, type Folder, type LeafChange } from './tree.ts';

export class DurableStore {
  readonly #open: OpenStore;
  #store: Store | undefined;
  /** What the next write must put back, by path. */
  #inDoubt = new Map<string, LeafChange>();

  constructor(open: OpenStore, store: Store) {
    this.#open = open;
    this.#store = store;
  }

  /** Writes all changes of the state that is on disk, or none. Throws what the store throws, also on opening it. */
  async write(changes: readonly LeafChange[], onDisk: Folder): Promise<void> {
    const store = (this.#store ??= await this.#open());
    const batch = new Map(this.#inDoubt);
    for (const change of changes) batch.set(formatPath(change.path), change);
    try {
      await store.write([...batch.values()]);
    } catch (error) {
      for (const [key, { path }] of batch) {
        const node = nodeAt(onDisk, path);
        this.#inDoubt.set(key, { path, text: typeof node === 'string' ? node : undefined });
      }
      this.#store = undefined;
      // The failed write is what the caller must hear of; a store that also fails to close has nothing to lose.
      await store.close().catch(() => undefined);
      throw error;
    }
    this.#inDoubt = new Map();
  }

  async close(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }
}
