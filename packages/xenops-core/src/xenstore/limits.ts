/** How often a transaction is tried before XENSTORE_CONFLICT; a guest that writes all the time must not hold us for ever. */
export const TRANSACTION_ATTEMPTS_MAX = 24;
/** Longest pause between two attempts; the actual one is random below a bound that doubles up to this. */
export const TRANSACTION_PAUSE_MAX_MS = 64;
/** A request without an answer for this long fails: xenstored is stuck. Generous, for emulated and loaded hosts. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** Paths waiting to be looked at by one watch; past this the consumer is told to look at everything again. */
export const WATCH_PENDING_PATHS_MAX = 1024;
/** Pause before a lost connection is tried again, and its bound when it doubles. */
export const RECONNECT_PAUSE_MS = 50;
export const RECONNECT_PAUSE_MAX_MS = 5_000;
/** Rounds of DIRECTORY_PART before a directory that changes all the time is given up. */
export const DIRECTORY_PART_ATTEMPTS_MAX = 8;
/** oxenstored answers DIRECTORY with more than the protocol's 4096 bytes; taken up to here, from Dom0's own daemon. */
export const REPLY_PAYLOAD_BYTES_MAX = 1_048_576;
/** How often a connection is tried when the daemon's queue is full; the pause grows by this much each time, 2 s in all. */
export const CONNECT_ATTEMPTS_MAX = 20;
export const CONNECT_PAUSE_MS = 10;
