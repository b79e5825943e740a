/** Leads libxenstore to daemons of a test. It takes the way from the environment of the process, which jest hides. */
import { once } from 'node:events';
import { mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';

/** A name that libxenstore connects to, for whatever stands behind it. */
export class StoreName implements AsyncDisposable {
  readonly #folder: string;

  /** Sets XENSTORED_PATH of this process, whose one StoreName it is. */
  static async open(): Promise<StoreName> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'libxenstore-'));
    const name = path.join(folder, 'socket');
    // The only way in to the true environment: `process.env` of a test is a copy.
    const worker = new Worker(`process.env.XENSTORED_PATH = ${JSON.stringify(name)}`, {
      eval: true,
      env: SHARE_ENV,
    });
    await once(worker, 'exit');
    return new StoreName(folder);
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** From now on the name is that of this socket. */
  async lead(socketPath: string): Promise<void> {
    const fresh = path.join(this.#folder, 'fresh');
    await symlink(socketPath, fresh);
    await rename(fresh, path.join(this.#folder, 'socket'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}
