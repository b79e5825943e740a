/**
 * What a client of the service can meet: error replies are a `DbusError`, failures of the connection a `BusError`,
 * both from `@xenops/rpcgen/runtime`; TIMEOUT and ABORTED of waiting are those of `@xenops/core/errors`; the rest is
 * here.
 */
import { XenopsError } from '@xenops/core/errors';
import { DbusError } from '@xenops/rpcgen/runtime';

/** Codes of `XenmgrClientError`. */
export type XenmgrClientErrorCode =
  /** No VM is meant by that uuid, name or domid, or it was deleted meanwhile. */
  'XENMGR_NO_VM';

export class XenmgrClientError extends XenopsError<XenmgrClientErrorCode> {}

/**
 * The historical number at the beginning of an error reply's text, such as 204 for "cannot remove running VM"; undefined
 * for an error without one.
 */
export function findErrorNumber(error: unknown): number | undefined {
  const match = error instanceof DbusError ? /^(\d{3}):/.exec(error.message) : null;
  return match === null ? undefined : Number(match[1]);
}
