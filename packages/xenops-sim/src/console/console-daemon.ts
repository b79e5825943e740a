/**
 * The part of xenconsoled that the toolstack sees: when a domain's console node has a ring, it gets a `tty`. A model
 * has no pty: the node names the file that the console is written to.
 */
import { hasCode } from '@xenops/core/errors';
import type { XenStore } from '@xenops/core/xenstore';
import { domainPath } from '../xenstored/node-path.ts';
import type { ConsoleBook } from './console-book.ts';

export interface ConsoleDaemonOptions {
  readonly store: XenStore;
  readonly book: ConsoleBook;
  readonly log: (text: string) => void;
}

export class ConsoleDaemon implements AsyncDisposable {
  readonly #options: ConsoleDaemonOptions;
  readonly #served = new Map<number, { stop: AbortController; ended: Promise<void> }>();

  constructor(options: ConsoleDaemonOptions) {
    this.#options = options;
  }

  /** The domain has been introduced. */
  serve(domid: number): void {
    const file = this.#options.book.filePath(domid);
    if (file === undefined || this.#served.has(domid)) return;
    const stop = new AbortController();
    const ended = this.#follow(domid, file, stop.signal).catch((error: unknown) => {
      if (stop.signal.aborted || hasCode(error, 'ABORTED', 'XENSTORE_CLOSED')) return;
      this.#options.log(`The console of domain ${domid} failed: ${String(error)}`);
    });
    this.#served.set(domid, { stop, ended });
  }

  /** The domain is gone. */
  forget(domid: number): void {
    this.#served.get(domid)?.stop.abort();
    this.#served.delete(domid);
    this.#options.book.forget(domid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const served = [...this.#served.values()];
    this.#served.clear();
    for (const { stop } of served) stop.abort();
    await Promise.all(served.map(({ ended }) => ended));
  }

  async #follow(domid: number, file: string, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const console = `${domainPath(domid)}/console`;
    const watch = await store.watch(console, { signal });
    for await (const _event of watch) {
      await store.transaction(async (tree) => {
        // Only into a console that the toolstack has made: a node that is written late must not outlive the domain.
        if ((await tree.find(`${console}/ring-ref`)) === undefined) return;
        const tty = `${console}/tty`;
        if ((await tree.find(tty)) !== file) await tree.write(tty, file);
      });
    }
  }
}
