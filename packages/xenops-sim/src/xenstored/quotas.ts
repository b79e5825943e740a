/**
 * What unprivileged domains may hold, with the names that `xenstored --quota` and `xenstore-control quota` know and the
 * defaults of the C xenstored 4.17 (`hard_quotas`, tools/xenstore/xenstored_control.c). `quota set` changes them while
 * the store runs, so there is one set for each store.
 */

export interface Quotas {
  /** Nodes that a domain may own. */
  nodes: number;
  /** A watch is refused when the connection has more than this many, so one more than this succeed. */
  watches: number;
  /** A transaction is refused when more than this many are open, so one more than this succeed. */
  transactions: number;
  /** Unread answers at which a domain's requests wait. */
  outstanding: number;
  /** Nodes that one transaction may touch. */
  transactionNodes: number;
  /** Bytes at which a domain gets nothing more and its requests wait. */
  memoryBytes: number;
  /** A node's record, names of its children included, stays below this. */
  nodeBytes: number;
  /** Longest path, counted after `/local/domain/N/`. */
  pathBytes: number;
  /** Entries of a permission list. */
  permissions: number;
  /** Bytes at which a warning is logged, the one soft quota. */
  memoryWarningBytes: number;
}

export function defaultQuotas(): Quotas {
  return {
    nodes: 1000,
    watches: 128,
    transactions: 10,
    outstanding: 20,
    transactionNodes: 1024,
    memoryBytes: 2_621_440,
    nodeBytes: 2048,
    pathBytes: 2048,
    permissions: 5,
    memoryWarningBytes: 2_097_152,
  };
}
