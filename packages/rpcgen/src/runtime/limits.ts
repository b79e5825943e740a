/** Everything that another party could make grow, with its limit. */

/** Bytes of a message, at most: the specification's limit, above which no configuration goes. */
export const MESSAGE_BYTES_MAX: number = 128 * 1024 * 1024;

/** Bytes of an array without its length word, at most. From the specification. */
export const ARRAY_BYTES_MAX: number = 64 * 1024 * 1024;

/** Containers inside containers, variants included: 32 arrays and 32 structs. From the specification. */
export const VALUE_DEPTH_MAX = 64;

/** Bytes of a name or a signature. From the specification. */
export const NAME_BYTES_MAX = 255;

/**
 * Arrays, structs, dictionaries and variants in one message. A few bytes of message make a JavaScript object of about
 * a hundred bytes, so that bytes alone would not bound what a message costs.
 */
export const CONTAINERS_MAX = 500_000;

/** Distinct signatures, names and headers of which something is kept ready. Others work, only slower. */
export const CACHE_ENTRIES_MAX = 1024;

/** What a connection allows; given to `connectBus` to change one. */
export interface BusLimits {
  /** Bytes of one message, either way. Up to MESSAGE_BYTES_MAX. */
  readonly messageBytesMax: number;
  /** Calls of ours that wait for a reply. */
  readonly pendingCallsMax: number;
  /** Bytes that are sent but not yet taken by the bus. */
  readonly unsentBytesMax: number;
  /** Signals that an async iterable holds for a consumer that does not come to fetch them. */
  readonly queuedSignalsMax: number;
}

/** Far above what any service of ours needs, far below what would hurt Dom0. */
export const DEFAULT_LIMITS: BusLimits = {
  messageBytesMax: 16 * 1024 * 1024,
  pendingCallsMax: 4096,
  unsentBytesMax: 32 * 1024 * 1024,
  queuedSignalsMax: 4096,
};
