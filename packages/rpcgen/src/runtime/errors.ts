/**
 * The errors of the run-time, a closed set of codes. An error reply of the other side is a `DbusError` with its
 * D-Bus name; everything else is a `BusError`. Match on `code` or `errorName`, never on text.
 */

/** What went wrong on our side of the bus. */
export type BusErrorCode =
  /** No connection: nothing listens there, the address makes no sense, or the bus refuses us. */
  | 'DBUS_CONNECT_FAILED'
  /** The connection is gone, or was closed by us, before or during the operation. */
  | 'DBUS_CLOSED'
  /** The other side broke the protocol; the connection is closed. */
  | 'DBUS_PROTOCOL'
  /** A value does not fit its signature; `context.path` says which, such as `args[1].key`. */
  | 'DBUS_BAD_VALUE'
  /** A text is no signature. */
  | 'DBUS_BAD_SIGNATURE'
  /** A text is no name of the kind that is needed there. */
  | 'DBUS_BAD_NAME'
  /** One of `limits.ts` would be exceeded. */
  | 'DBUS_LIMIT'
  /** A reply, signal or property does not have the promised signature. */
  | 'DBUS_UNEXPECTED_SIGNATURE'
  /** The bus name belongs to somebody else. */
  | 'DBUS_NAME_TAKEN'
  /** A file descriptor cannot travel over this transport. */
  | 'DBUS_NO_DESCRIPTORS'
  /** The path has an object with that interface already. */
  | 'DBUS_ALREADY_EXPORTED'
  /** The deadline of a call passed. */
  | 'TIMEOUT'
  /** The caller's AbortSignal fired. */
  | 'ABORTED';

/** Plain data about what failed. */
export type BusErrorContext = Readonly<Record<string, string | number | undefined>>;

/** Details of a BusError. */
export interface BusErrorDetails {
  readonly message: string;
  readonly context?: BusErrorContext;
  readonly cause?: unknown;
}

/** An error of the run-time itself. */
export class BusError extends Error {
  readonly code: BusErrorCode;
  readonly context: BusErrorContext;

  constructor(code: BusErrorCode, { message, context = {}, cause }: BusErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.context = context;
  }
}

/**
 * An error reply: thrown by a handler it is sent, received it is thrown at the caller. Generated subclasses stand
 * for declared errors; a name that nobody declared gives this class.
 */
export class DbusError extends Error {
  readonly code: 'DBUS_ERROR' = 'DBUS_ERROR' as const;
  /** The D-Bus name, such as `org.freedesktop.DBus.Error.Failed`. */
  readonly errorName: string;

  constructor(errorName: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.errorName = errorName;
  }
}

/** A generated subclass of DbusError. */
export interface DbusErrorClass {
  readonly errorName: string;
  new (message: string): DbusError;
}

/** Names of the standard errors that the run-time answers with. Source: the D-Bus specification and sd-bus. */
export const STANDARD_ERROR = {
  failed: 'org.freedesktop.DBus.Error.Failed',
  invalidArgs: 'org.freedesktop.DBus.Error.InvalidArgs',
  limitsExceeded: 'org.freedesktop.DBus.Error.LimitsExceeded',
  noReply: 'org.freedesktop.DBus.Error.NoReply',
  serviceUnknown: 'org.freedesktop.DBus.Error.ServiceUnknown',
  nameHasNoOwner: 'org.freedesktop.DBus.Error.NameHasNoOwner',
  unknownMethod: 'org.freedesktop.DBus.Error.UnknownMethod',
  unknownObject: 'org.freedesktop.DBus.Error.UnknownObject',
  unknownInterface: 'org.freedesktop.DBus.Error.UnknownInterface',
  unknownProperty: 'org.freedesktop.DBus.Error.UnknownProperty',
  propertyReadOnly: 'org.freedesktop.DBus.Error.PropertyReadOnly',
  accessDenied: 'org.freedesktop.DBus.Error.AccessDenied',
} as const;

/** Gives the error of a peer that sent what no D-Bus peer may send. The connection that it came over is closed. */
export function protocolError(message: string, context: BusErrorContext = {}): BusError {
  return new BusError('DBUS_PROTOCOL', { message, context });
}
