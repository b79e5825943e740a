/** What guests have printed: the last part of it in memory, and all of it, up to a limit, in a file for each domain. */
import { appendFileSync, mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

/** What is kept of one domain's console in memory, and in its file; xenconsoled's own limit (`console/limit`). */
const CONSOLE_CHARACTERS = 1_048_576;

export class ConsoleBook {
  readonly #folder: string | undefined;
  readonly #texts = new Map<number, string>();
  readonly #files = new Set<number>();

  /** Without a folder there are no files. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
    if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** The text so far; empty for a domain that has printed nothing. */
  text(domid: number): string {
    return this.#texts.get(domid) ?? '';
  }

  /** Where the domain's file is, or will be; undefined without a folder. */
  filePath(domid: number): string | undefined {
    return this.#folder === undefined ? undefined : path.join(this.#folder, `${domid}.log`);
  }

  append(domid: number, text: string): void {
    this.#texts.set(domid, `${this.text(domid)}${text}`.slice(-CONSOLE_CHARACTERS));
    const file = this.filePath(domid);
    if (file === undefined) return;
    // A file of an earlier domain of this number goes when the new one first prints.
    if (!this.#files.has(domid)) rmSync(file, { force: true });
    else if (statSync(file).size > CONSOLE_CHARACTERS) return;
    this.#files.add(domid);
    appendFileSync(file, text, { mode: 0o600 });
  }

  /** Forgets the text of a domain that is gone; its file stays to be read. */
  forget(domid: number): void {
    this.#texts.delete(domid);
    this.#files.delete(domid);
  }
}
