/** Numbers of the C xenstored that no quota changes (release 4.17), and limits of our own. */

/** Longest name of a special watch (`XENSTORE_REL_PATH_MAX`, xen/include/public/io/xs_wire.h). */
export const SPECIAL_NAME_BYTES_MAX = 2048;

/** What a record counts besides value and names (`struct xs_tdb_record_hdr`), and for each permission. */
export const RECORD_HEADER_BYTES = 24;
export const RECORD_PERMISSION_BYTES = 8;

/** Unsent output of a client that does not read, at which its requests wait. Ours; C looks at ring space. */
export const OUTPUT_PAUSE_BYTES = 1_048_576;
/** Unsent output at which a client is dropped: it watches a busy place and has stopped reading. */
export const OUTPUT_DROP_BYTES = 33_554_432;

/** Requests that wait behind unread answers, at which a guest is cut off. A real one has a ring of 1024 bytes to wait in. */
export const WAITING_INPUT_BYTES_MAX = 1_048_576;

/** How long an event waits for a guest to take it (`timeout_watch_event_msec`, tools/xenstore/xenstored_core.c). */
export const WATCH_EVENT_TIMEOUT_MS = 20_000;

/** "The domain that asks" (xen/include/public/xen.h). */
export const DOMID_SELF = 0x7ff0;
