import type { Connection } from './connection.ts';
import type { Transaction } from './transaction.ts';

/** The transactions that are open, of all connections, and which of them a request has made fail. */
export class OpenTransactions {
  readonly #open = new Set<Transaction>();
  #spoilt: Transaction[] = [];

  add(transaction: Transaction): void {
    this.#open.add(transaction);
  }

  remove(transaction: Transaction): void {
    this.#open.delete(transaction);
  }

  /** To be called for every change of a node of the tree. */
  noteChange(path: string): void {
    if (this.#open.size === 0) return;
    for (const transaction of this.#open) {
      if (!transaction.isSpoilt && transaction.hasTouched(path)) {
        transaction.isSpoilt = true;
        this.#spoilt.push(transaction);
      }
    }
  }

  /** How many transactions of others this client's request has made fail; each counts once. */
  takeSpoilt(culprit: Connection): number {
    if (this.#spoilt.length === 0) return 0;
    const spoilt = this.#spoilt;
    this.#spoilt = [];
    return spoilt.filter(({ connection }) => connection !== culprit).length;
  }
}
