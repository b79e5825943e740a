/** A store in memory that survives being closed, as a disk does, and that fails when a test says so. */
import { DatabaseError } from '../errors.ts';
import { formatPath, parsePath } from './path.ts';
import type { OpenStore } from './store.ts';
import type { Leaf, LeafChange } from './tree.ts';

/** How the next write ends: it fails with nothing written, or with everything written. */
export type Failure = 'before' | 'after';

export class MemoryDisk {
  readonly texts: Map<string, string> = new Map<string, string>();
  failure: Failure | undefined;
  writes = 0;
  opened = 0;
  /** Resolved writes wait for this. */
  gate: Promise<void> = Promise.resolve();

  readonly open: OpenStore = async () => {
    this.opened += 1;
    let usable = true;
    return {
      leaves: () => this.leaves(),
      write: async (changes) => {
        if (!usable) throw new Error('A store that has failed was used again');
        await this.gate;
        this.writes += 1;
        const { failure } = this;
        this.failure = undefined;
        if (failure !== 'before') this.apply(changes);
        if (failure === undefined) return;
        usable = false;
        throw new DatabaseError('DB_DISK_FULL', { message: 'No room (test)' });
      },
      close: async () => undefined,
    };
  };

  private async *leaves(): AsyncGenerator<Leaf> {
    for (const [key, text] of this.texts) yield { path: parsePath(key), text };
  }

  private apply(changes: readonly LeafChange[]): void {
    for (const { path, text } of changes) {
      if (text === undefined) this.texts.delete(formatPath(path));
      else this.texts.set(formatPath(path), text);
    }
  }
}
