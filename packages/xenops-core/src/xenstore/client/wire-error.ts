import { XenStoreError, type ErrorContext, type XenStoreErrorCode } from '../../errors.ts';
import type { WireError } from '../wire/message-type.ts';

/** What each error name of the wire is to us. */
const CODES: Readonly<Record<WireError, XenStoreErrorCode>> = {
  EINVAL: 'XENSTORE_INVALID',
  EACCES: 'XENSTORE_ACCESS',
  EPERM: 'XENSTORE_ACCESS',
  EEXIST: 'XENSTORE_EXISTS',
  EISDIR: 'XENSTORE_INVALID',
  ENOENT: 'XENSTORE_NO_ENTRY',
  ENOMEM: 'XENSTORE_NO_MEMORY',
  ENOSPC: 'XENSTORE_QUOTA',
  EQUOTA: 'XENSTORE_QUOTA',
  EIO: 'XENSTORE_IO',
  ENOTEMPTY: 'XENSTORE_INVALID',
  ENOSYS: 'XENSTORE_NOT_SUPPORTED',
  EROFS: 'XENSTORE_READ_ONLY',
  EBUSY: 'XENSTORE_BUSY',
  EAGAIN: 'XENSTORE_CONFLICT',
  EISCONN: 'XENSTORE_IS_CONNECTED',
  E2BIG: 'XENSTORE_TOO_BIG',
};

const isWireError = (name: string): name is WireError => Object.hasOwn(CODES, name);

/** The error for the name in an error reply; a name nobody knows is XENSTORE_IO with the name in the context. */
export function errorFromWire(name: string, what: string, context: ErrorContext): XenStoreError {
  return new XenStoreError(isWireError(name) ? CODES[name] : 'XENSTORE_IO', {
    message: `xenstored refused to ${what} (${name.slice(0, 32)})`,
    context: { ...context, wireError: name.slice(0, 32) },
  });
}
