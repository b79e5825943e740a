/** The ledger of a VM's disks as a file: it outlives the host's boots, as the layers do. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '@xenops/core/errors';
import type { VmUuid } from '@xenops/core/ids';
import { EMPTY_LEDGER, type DiskLedger } from './holding.ts';

/** Layout of the file. */
const VERSION = 1;

export class LedgerFile {
  readonly #path: string;

  constructor(folder: string, uuid: VmUuid) {
    this.#path = path.join(folder, `disks-${uuid}.json`);
  }

  /** What is written down; an empty ledger when nothing is. Rejects with CONFIG_BAD_VALUE for a file that is not ours. */
  async read(): Promise<DiskLedger> {
    const text = await readFile(this.#path, 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    return text === undefined ? EMPTY_LEDGER : this.#decode(text);
  }

  /** Whole or not at all, also through a power cut; an empty ledger is no file. */
  async write(ledger: DiskLedger): Promise<void> {
    if (ledger.disks.length === 0 && !ledger.hasScriptFailed) {
      await rm(this.#path, { force: true });
      return;
    }
    const folder = path.dirname(this.#path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${randomUUID()}`;
    try {
      await using file = await open(draft, 'wx', 0o600);
      await file.writeFile(JSON.stringify({ version: VERSION, ...ledger }));
      await file.sync();
      await rename(draft, this.#path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    await using handle = await open(folder, 'r');
    await handle.sync();
  }

  #decode(text: string): DiskLedger {
    try {
      const value: unknown = JSON.parse(text);
      const isOurs =
        typeof value === 'object' &&
        value !== null &&
        'version' in value &&
        value.version === VERSION &&
        'disks' in value &&
        Array.isArray(value.disks);
      // Written by `write` of this version, in a folder of root's.
      if (isOurs) return value as unknown as DiskLedger;
    } catch {
      // As one of another version.
    }
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `${this.#path} is no record of disks that this monitor can read; what it held must be given back by hand before it is removed`,
      context: { path: this.#path },
    });
  }
}

/** Whether the error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
