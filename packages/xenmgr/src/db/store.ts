/**
 * Where the tree lies on disk: LevelDB through classic-level, which nothing else imports. One entry per text, its key
 * the path, so that a change costs what it changes. Every write is one atomic batch that is synced to the disk.
 */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { DatabaseError } from '../errors.ts';
import { formatPath, parsePath } from './path.ts';
import type { Leaf, LeafChange } from './tree.ts';

/** An open store. Obligations: a write that resolves is on disk for good, one that rejects is there whole or not. */
export interface Store {
  /** Every text; called once, before the first write. */
  leaves(): AsyncIterable<Leaf>;
  /** Writes all changes or none. Throws DB_DISK_FULL or DB_WRITE_FAILED; the store is then only good for closing. */
  write(changes: readonly LeafChange[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store, and again after it has failed. */
export type OpenStore = () => Promise<Store>;

/** What the system says when there is no room; LevelDB gives no numbers. Sources: strerror(3), errno(3). */
const NO_ROOM = /No space left on device|Disk quota exceeded|File too large/;

/**
 * Opens the store in a folder, which is made when it is missing. The folder gets the mode 0700 and its files 0600.
 * LevelDB makes files at any time, from threads of its own and with mode 0644, so that the file mode mask of this
 * process is set to 077 for good. Throws DB_LOCKED, DB_UNAVAILABLE or DB_DISK_FULL.
 */
export async function openStore(folder: string): Promise<Store> {
  process.umask(0o077);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await makePrivate(folder);
    // It begins to open by itself, so that the folder has to be ready before.
    const level = new ClassicLevel(folder, { createIfMissing: true });
    await level.open();
    return new LevelStore(level);
  } catch (error) {
    throw openError(folder, error);
  }
}

async function makePrivate(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  const files = await readdir(folder);
  await Promise.all(files.map((file) => chmod(path.join(folder, file), 0o600)));
}

class LevelStore implements Store {
  readonly #level: ClassicLevel;

  constructor(level: ClassicLevel) {
    this.#level = level;
  }

  async *leaves(): AsyncGenerator<Leaf> {
    try {
      for await (const [key, text] of this.#level.iterator()) yield { path: parsePath(key), text };
    } catch (cause) {
      throw new DatabaseError('DB_UNAVAILABLE', {
        message: `The database in ${this.#level.location} cannot be read; restore it from an export`,
        context: { folder: this.#level.location },
        cause,
      });
    }
  }

  async write(changes: readonly LeafChange[]): Promise<void> {
    const batch = changes.map(({ path: names, text }) => {
      const key = formatPath(names);
      return text === undefined
        ? { type: 'del' as const, key }
        : { type: 'put' as const, key, value: text };
    });
    try {
      await this.#level.batch(batch, { sync: true });
    } catch (error) {
      throw writeError(this.#level.location, error);
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}

function openError(folder: string, error: unknown): DatabaseError {
  const context = { folder };
  if (chain(error).some((part) => 'code' in part && part.code === 'LEVEL_LOCKED')) {
    return new DatabaseError('DB_LOCKED', {
      message: `The database in ${folder} is in use by another process; stop that one first`,
      context,
      cause: error,
    });
  }
  if (isNoRoom(error)) return diskFull(folder, error);
  return new DatabaseError('DB_UNAVAILABLE', {
    message: `The database in ${folder} cannot be opened`,
    context,
    cause: error,
  });
}

function writeError(folder: string, cause: unknown): DatabaseError {
  if (isNoRoom(cause)) return diskFull(folder, cause);
  return new DatabaseError('DB_WRITE_FAILED', {
    message: `A change could not be written to the database in ${folder}`,
    context: { folder },
    cause,
  });
}

function diskFull(folder: string, cause: unknown): DatabaseError {
  return new DatabaseError('DB_DISK_FULL', {
    message: `There is no room for a change of the database in ${folder}; free some and repeat it`,
    context: { folder },
    cause,
  });
}

function isNoRoom(error: unknown): boolean {
  return chain(error).some((part) => NO_ROOM.test(part.message));
}

function chain(error: unknown): readonly Error[] {
  return error instanceof Error ? [error, ...chain(error.cause)] : [];
}
