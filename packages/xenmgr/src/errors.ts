/** The errors of this package; the families of the toolstack are in `@xenops/core/errors`. */
import { XenopsError } from '@xenops/core/errors';

/** The configuration database could not do something. Nothing of a failed change is kept. */
export type DatabaseErrorCode =
  /** Another process has the database open. */
  | 'DB_LOCKED'
  /** It cannot be opened or read: no rights, damaged files, not a database. */
  | 'DB_UNAVAILABLE'
  /** The change is not on disk: no space, quota, or file size limit. Later changes work once there is room again. */
  | 'DB_DISK_FULL'
  /** The change is not on disk for another reason; `cause` tells. */
  | 'DB_WRITE_FAILED'
  /** The database was closed. */
  | 'DB_CLOSED'
  /** A text is no path of a node, or the root where a node below it is needed. */
  | 'DB_BAD_PATH'
  /** The node has children, so that it cannot take a text. */
  | 'DB_HAS_CHILDREN'
  /** A text is in the way: a node with a text has no children. */
  | 'DB_NOT_A_FOLDER'
  /** A text is no JSON, or JSON that the tree cannot hold. */
  | 'DB_BAD_JSON'
  /** One of `db/limits.ts` would be exceeded. */
  | 'DB_LIMIT'
  /** The schema is too old or too new for this version. */
  | 'DB_SCHEMA'
  /** A file of the old database cannot be read or written. */
  | 'DB_FILE';

export class DatabaseError extends XenopsError<DatabaseErrorCode> {}

/** Whether an error is one of the database. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError;
}
