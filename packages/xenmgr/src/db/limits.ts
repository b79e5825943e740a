/** What the database takes. Every figure bounds what a caller, or a guest through its storage, can make us keep. */

/** Levels of a path. The deepest historical one, `/vm/UUID/config/disk/0/path`, has six; JSON is bounded with it. */
export const DEPTH_MAX = 32;
/** Bytes of one name. A name becomes a file's name when the tree is exported, with `.db` behind it. */
export const NAME_BYTES_MAX = 250;
/** Bytes of one text. Icons and documents lie in files, so that a page of text is ample. */
export const VALUE_BYTES_MAX: number = 256 * 1024;
/** Bytes of all names and texts: a thousand VMs of 100 settings need about 4 MiB. */
export const TREE_BYTES_MAX: number = 64 * 1024 * 1024;
/** Bytes of names and texts that one guest may keep under `/dom-store/UUID`. */
export const GUEST_STORE_BYTES_MAX: number = 1024 * 1024;
/** Bytes of one JSON text or file: the whole tree with its quotes and indentation. */
export const JSON_BYTES_MAX: number = 2 * TREE_BYTES_MAX;
/** Transactions that wait for the disk. More is a caller that does not wait for its answers. */
export const WAITING_MAX = 10_000;
/** Transactions that share one write to the disk. */
export const GROUP_MAX = 256;
