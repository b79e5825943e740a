/**
 * Where the two daemons of Xen differ. Both are measured, release 4.17 as Debian ships it; oxenstored with its built-in
 * limits. The embedded server follows the C daemon, but where `EMBEDDED_TRAITS` says why not.
 */

/** What a suite must know of the daemon that it is run on. */
export interface StoreTraits {
  /** Longest absolute path outside `/local/domain`. */
  readonly pathBytesMax: number;
  /** Largest value that Dom0 may write to a path of two bytes. */
  readonly dom0ValueBytesMax: number;
  /** Answer to DIRECTORY when the names do not fit in a message. */
  readonly longDirectoryError: string;
  /** Answer to a guest that gives its node to another domain. */
  readonly ownerChangeError: string;
  /** Answer to a guest that sets the permissions of the root. */
  readonly rootOwnerChangeError: string;
  /** Answer to a guest's CONTROL. */
  readonly guestControlAnswer: string;
  /** Answer to INTRODUCE of a domain that the hypervisor does not have. */
  readonly absentDomainError: string;
  /** Answer to requests about a domain that is not introduced. */
  readonly unknownDomainError: string;
  /** Answer to one node, one transaction or one request in a transaction too many. */
  readonly quotaError: string;
  /** Nodes that a guest may own. */
  readonly nodesMax: number;
  readonly watchesMax: number;
  readonly watchQuotaError: string;
  readonly transactionsMax: number;
  /** How many nodes that are not there can be looked for in one transaction. */
  readonly transactionRequestsMax: number;
  /** Largest value of a node with so many permissions. */
  readonly valueBytesMax: (permissions: number) => number;
  readonly valueQuotaError: string;
  /** What is listed of `n0 r7` when domain 7 is gone. */
  readonly permissionsOfDead: string;
  /** Answer to a request in a transaction that is not there. */
  readonly unknownTransactionError: string;
  /** Cases that this daemon does not meet, by their names, and why. */
  readonly leftOut: readonly (readonly [names: RegExp, reason: string])[];
}

/** The C daemon, and whatever is to behave like it. */
export const XENSTORED_TRAITS: StoreTraits = {
  pathBytesMax: 2048,
  dom0ValueBytesMax: 4096 - '/a\0'.length,
  longDirectoryError: 'E2BIG',
  ownerChangeError: 'EPERM',
  rootOwnerChangeError: 'EACCES',
  guestControlAnswer: 'EACCES',
  absentDomainError: 'EINVAL',
  unknownDomainError: 'ENOENT',
  quotaError: 'ENOSPC',
  nodesMax: 1000,
  watchesMax: 129,
  watchQuotaError: 'E2BIG',
  transactionsMax: 11,
  transactionRequestsMax: 1023,
  valueBytesMax: (permissions) => 2047 - 24 - 8 * permissions,
  valueQuotaError: 'ENOSPC',
  // Entries of domains that are gone stay in the list and are worth nothing.
  permissionsOfDead: 'n0 r7',
  unknownTransactionError: 'ENOENT',
  leftOut: [
    [
      /^a stub domain has no right of a later domain|^a target dies, then its stub/,
      'keeps a dead target, unannounced, until its stub domain has died',
    ],
  ],
};

/** The embedded server: the C daemon's behaviour, with what is known to be better. */
export const EMBEDDED_TRAITS: StoreTraits = {
  ...XENSTORED_TRAITS,
  // Whoever sets a list that it has read must not give rights to a later domain of that number.
  permissionsOfDead: 'n0',
  leftOut: [],
};

/** The OCaml daemon. */
export const OXENSTORED_TRAITS: StoreTraits = {
  ...XENSTORED_TRAITS,
  dom0ValueBytesMax: 2048,
  ownerChangeError: 'EACCES',
  unknownDomainError: 'EINVAL',
  guestControlAnswer: 'OK',
  quotaError: 'EQUOTA',
  watchesMax: 101,
  watchQuotaError: 'EQUOTA',
  valueBytesMax: () => 2048,
  valueQuotaError: 'E2BIG',
  permissionsOfDead: 'n0',
  transactionRequestsMax: 1024,
  unknownTransactionError: 'EIO',
  leftOut: [
    [/^the root cannot be removed/, 'removes everything'],
    [/^a list longer than a message/, 'sends a message longer than the protocol allows'],
    [/in parts|^the generation of a list|^a part beyond/, 'has no DIRECTORY_PART'],
    [/^an event too long for a message/, 'sends a message longer than the protocol allows'],
    [/^a node made by a guest takes/, "gives the node to the parent's owner"],
    [
      /^the death of a domain removes what it owns, anywhere/,
      "gave such nodes to the parent's owner",
    ],
    [/^a guest that may not read the nodes above/, 'tells which nodes are missing'],
    [/^the root is no exception: mkdir/, 'answers OK where nothing is to be made'],
    [
      /^a transaction that has (read|listed|written|removed) a node fails/,
      'does a transaction again, and commits when its answers are the same',
    ],
    [
      /^a transaction that has read a node and written elsewhere fails when others change the perm/,
      'does a transaction again, and commits when its answers are the same',
    ],
    [/^of two transactions that change a node/, 'does the second again after the first'],
    [/^ending with "T" for/, 'takes a T without its terminator'],
    [/^removal of a parent does not fire/, 'fires watches on nodes that never were'],
    [/^Dom0 cannot be released/, 'says ENOENT'],
    [/^Dom0 cannot be resumed/, 'says OK'],
    [/^a domain cannot be introduced without a port/, 'leaves it to Xen to judge the port'],
    [/^rights given to a /, 'only forgets the rights of a domain that was introduced'],
    [/^death fires watches/, 'fires no watch for the nodes of a dead domain'],
    [/^a stub domain has no right of a later domain/, 'keeps the number of a target that is gone'],
    [/^only domains that are introduced have or are targets/, 'takes any number for a target'],
    [/^a permission list of a guest ends/, 'has no such quota'],
    [/^the names of children count/, 'has no such quota'],
    [/with (the payload )?"" /, 'waits for more when a payload is empty'],
    [/^control with the payload "no-such/, 'answers OK to commands that it does not know'],
    [/^a length of .* ends the connection|^garbage ends/, 'waits for the rest of such a message'],
    [/^a guest that breaks the protocol is cut off/, 'waits for the rest of such a message'],
  ],
};
