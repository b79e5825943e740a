/**
 * The configuration database: a tree of texts with the historical layout. Reads see the last state that is on disk
 * and never wait. A transaction is a function that changes a draft; transactions run one after the other in the order
 * of their calls, those that wait share one write to the disk, and one that throws leaves nothing behind. So what
 * was acknowledged survives a crash, a reader never sees half a change, and "compare and set" is a plain `if`.
 */
import { DatabaseError } from '../errors.ts';
import { DurableStore } from './durable-store.ts';
import { GROUP_MAX, GUEST_STORE_BYTES_MAX, TREE_BYTES_MAX, WAITING_MAX } from './limits.ts';
import { migrate, SCHEMA_VERSION, VERSION_PATH } from './migrations.ts';
import { openStore, type OpenStore } from './store.ts';
import { difference, nodeBytes, type Folder, type LeafChange, type TreeNode } from './tree.ts';
import { TreeBuilder } from './tree-builder.ts';
import { Draft, View } from './view.ts';

/** Hears what has changed, after it is on disk. */
export type ChangeListener = (changes: readonly LeafChange[], view: View) => void;

interface Waiting {
  /** Runs the transaction on a state and gives the state after it. */
  readonly apply: (root: Folder) => Folder;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Opens the database in a folder and brings its schema up to date. Throws as `openStore` and `migrate` do. */
export async function openDatabase(folder: string): Promise<Database> {
  return openDatabaseOn(() => openStore(folder));
}

/** The same over any store. */
export async function openDatabaseOn(open: OpenStore): Promise<Database> {
  const store = await open();
  try {
    const builder = new TreeBuilder();
    for await (const { path, text } of store.leaves()) builder.add(path, text);
    const database = new Database(new DurableStore(open, store), builder.build());
    await database.transact(migrate);
    return database;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export class Database implements AsyncDisposable {
  readonly #store: DurableStore;
  readonly #listeners = new Set<ChangeListener>();
  #root: Folder;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(store: DurableStore, root: Folder) {
    this.#store = store;
    this.#root = root;
  }

  /** The state that is on disk now; it does not change with later writes. */
  view(): View {
    return new View(this.#root);
  }

  /**
   * Runs a function on a draft and resolves with its result once the changes are on disk. The function must not wait
   * for anything. Rejects with what it throws, with DB_LIMIT, DB_CLOSED, or, when the disk fails, with what a store
   * throws; nothing has changed then.
   */
  async transact<T>(change: (draft: Draft) => T): Promise<T> {
    if (this.#closed) throw closed();
    if (this.#waiting.length >= WAITING_MAX) {
      throw new DatabaseError('DB_LIMIT', { message: 'Too many changes wait for the disk' });
    }
    const results: T[] = [];
    await new Promise<void>((resolve, reject) => {
      const apply = (root: Folder): Folder => {
        const draft = new Draft(root);
        results[0] = change(draft);
        keepVersion(draft);
        checkSizes(draft.tree, root);
        return draft.tree;
      };
      this.#waiting.push({ apply, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
    return results[0] as T;
  }

  /** Calls the listener after every transaction that changed something, until the result is disposed. */
  onChange(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Waits for the transactions under way and closes the store. Later ones are DB_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #writeAll(): Promise<void> {
    // The transactions of one turn of the event loop share the first write, too.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#writeGroup(this.#waiting.splice(0, GROUP_MAX));
    this.#writing = undefined;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    let root = this.#root;
    const applied: Waiting[] = [];
    for (const waiting of group) {
      try {
        root = waiting.apply(root);
        applied.push(waiting);
      } catch (error) {
        waiting.reject(error);
      }
    }
    const changes = [...difference(this.#root, root)];
    try {
      if (changes.length > 0) await this.#store.write(changes, this.#root);
    } catch (error) {
      for (const waiting of applied) waiting.reject(error);
      return;
    }
    this.#root = root;
    for (const waiting of applied) waiting.resolve();
    if (changes.length > 0) this.#tell(changes);
  }

  #tell(changes: readonly LeafChange[]): void {
    const view = this.view();
    // On its own, so that one that throws is a fault of the program and not of the writing.
    for (const listener of this.#listeners) queueMicrotask(() => listener(changes, view));
  }
}

/** The version belongs to the database: replacing the whole tree must not make it unreadable for the next start. */
function keepVersion(draft: Draft): void {
  if (draft.read(VERSION_PATH) !== SCHEMA_VERSION) {
    draft.replace(VERSION_PATH, SCHEMA_VERSION);
  }
}

/** Throws DB_LIMIT when the tree, or what one guest keeps, has grown too large. What only shrinks is always taken. */
function checkSizes(now: Folder, before: Folder): void {
  if (now.bytes > TREE_BYTES_MAX && now.bytes > before.bytes) {
    throw new DatabaseError('DB_LIMIT', {
      message: `The database holds at most ${TREE_BYTES_MAX} bytes`,
      context: { bytes: now.bytes },
    });
  }
  const [stores, old] = [guestStores(now), guestStores(before)];
  if (stores === old) return;
  for (const [uuid, node] of stores) {
    const bytes = nodeBytes(node);
    if (bytes > GUEST_STORE_BYTES_MAX && bytes > nodeBytes(old.get(uuid))) {
      throw new DatabaseError('DB_LIMIT', {
        message: `The storage of the guest ${uuid} holds at most ${GUEST_STORE_BYTES_MAX} bytes`,
        context: { uuid, bytes },
      });
    }
  }
}

const NO_CHILDREN: ReadonlyMap<string, TreeNode> = new Map();

function guestStores(root: Folder): ReadonlyMap<string, TreeNode> {
  const node = root.children.get('dom-store');
  return typeof node === 'object' ? node.children : NO_CHILDREN;
}

function closed(): DatabaseError {
  return new DatabaseError('DB_CLOSED', { message: 'The database is closed' });
}
