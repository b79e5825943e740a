/** Quotas of the C xenstored for unprivileged connections (tools/xenstore/xenstored_core.c, release 4.17). */

/** Nodes that a domain may own. */
export const NODES_PER_DOMAIN = 1000;
/** A node's record, names of its children included, stays below this. */
export const NODE_BYTES = 2048;
/** A watch is refused when the connection has more than this many, so one more than this succeed. */
export const WATCHES_PER_DOMAIN = 128;
/** A transaction is refused when more than this many are open, so one more than this succeed. */
export const TRANSACTIONS_PER_DOMAIN = 10;
/** Nodes that one transaction may touch. */
export const NODES_PER_TRANSACTION = 1024;
/** Entries of a permission list. */
export const PERMISSIONS_PER_NODE = 5;
/** Longest path, counted after `/local/domain/N/`; the names of special watches too. */
export const PATH_BYTES = 2048;

/** What a record counts besides value and names (`struct xs_tdb_record_hdr`), and for each permission. */
export const RECORD_HEADER_BYTES = 24;
export const RECORD_PERMISSION_BYTES = 8;

/** Unsent output of a client that does not read, above which its requests wait. Ours; C looks at ring space. */
export const OUTPUT_PAUSE_BYTES = 1_048_576;
/** Unsent output at which a client is dropped: it watches a busy place and has stopped reading. */
export const OUTPUT_DROP_BYTES = 67_108_864;

/** "The domain that asks" (xen/include/public/xen.h). */
export const DOMID_SELF = 0x7ff0;
