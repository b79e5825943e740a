import type { WireError } from '@xenops/core/xenstore/wire';
import { domainPath } from './node-path.ts';
import type { Identity } from './rights.ts';
import type { Transaction } from './transaction.ts';
import type { RegisteredWatch } from './watches.ts';

/** Payload of a reply, or the name of the error. */
export type Answer = Uint8Array | WireError;

/** The header fields that a reply repeats. */
export interface RequestHeader {
  readonly type: number;
  readonly requestId: number;
  readonly transactionId: number;
}

/** The other side of a connection: takes replies and events, in order. */
export interface ConnectionSink {
  reply(header: RequestHeader, answer: Answer): void;
  event(path: string, token: string): void;
  /** Bytes of replies and events that the client has not taken. */
  readonly waitingBytes: number;
  /** How many of them are replies. */
  readonly waitingReplies: number;
  /** Requests that had to wait may go on. */
  proceed(): void;
  /** The store has dropped the connection. */
  closed(): void;
}

/** One client: who it is, and what it holds. */
export class Connection implements Identity {
  readonly domid: number;
  readonly isPrivileged: boolean;
  /** Where relative paths start. */
  readonly root: string;
  readonly sink: ConnectionSink;
  /** By path and token, oldest first. */
  readonly watches: Map<string, RegisteredWatch> = new Map<string, RegisteredWatch>();
  readonly transactions: Map<number, Transaction> = new Map<number, Transaction>();
  target: Connection | undefined;
  /** Paths and tokens of its watches. */
  watchBytes = 0;
  /** Records that its open transactions have changed. */
  transactionBytes = 0;
  #nextTransactionId = 1;

  constructor(domid: number, sink: ConnectionSink) {
    this.domid = domid;
    this.isPrivileged = domid === 0;
    this.root = domainPath(domid);
    this.sink = sink;
  }

  /** An id that no open transaction of this connection has; never 0, which means none. */
  takeTransactionId(): number {
    for (;;) {
      const id = this.#nextTransactionId;
      this.#nextTransactionId = id === 0xffffffff ? 1 : id + 1;
      if (!this.transactions.has(id)) return id;
    }
  }
}
