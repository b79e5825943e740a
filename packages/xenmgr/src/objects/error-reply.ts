/** What a caller gets for an error of any layer. */
import { XenopsError } from '@xenops/core/errors';
import type { DbusError } from '@xenops/rpcgen/runtime';
import { isDatabaseError, type DatabaseErrorCode } from '../errors.ts';
import { ManagerError, managerReply, type ManagerErrorCode } from '../manager/manager-error.ts';

const DATABASE_CODE: Readonly<Record<DatabaseErrorCode, ManagerErrorCode>> = {
  DB_LOCKED: 'IO',
  DB_UNAVAILABLE: 'IO',
  DB_DISK_FULL: 'NO_SPACE',
  DB_WRITE_FAILED: 'IO',
  DB_CLOSED: 'IO',
  DB_BAD_PATH: 'BAD_VALUE',
  DB_HAS_CHILDREN: 'BAD_VALUE',
  DB_NOT_A_FOLDER: 'BAD_VALUE',
  DB_BAD_JSON: 'BAD_VALUE',
  DB_LIMIT: 'BAD_VALUE',
  DB_SCHEMA: 'IO',
  DB_FILE: 'IO',
};

/** The reply for an error that the manager expects; undefined for a fault, which is logged and hidden in `INTERNAL`. */
export function errorReply(error: unknown): DbusError | undefined {
  const known = asManagerError(error);
  return known === undefined ? undefined : managerReply(known);
}

function asManagerError(error: unknown): ManagerError | undefined {
  if (error instanceof ManagerError) return error;
  if (isDatabaseError(error)) return wrapped(DATABASE_CODE[error.code], error);
  if (!(error instanceof XenopsError)) return undefined;
  const code = String(error.code);
  if (code === 'CONFIG_BAD_VALUE') return wrapped('BAD_VALUE', error);
  if (code === 'TIMEOUT') return wrapped('TIMEOUT', error);
  return wrapped('IO', error);
}

function wrapped(code: ManagerErrorCode, error: Error): ManagerError {
  return new ManagerError(code, { message: error.message, cause: error });
}
