/**
 * The errors of the toolstack: a closed set of codes in families. Callers match on `code`, never on text; the edges
 * (command line, JSON-RPC, D-Bus) each map every code. `context` carries the numbers and names as plain data and
 * `cause` the error below, whose text is not repeated in ours.
 */

/** Plain data about what failed: domid, path, call, errno, key, line. */
export type ErrorContext = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** What every error of the toolstack is built from. */
export interface ErrorDetails {
  /** One sentence: what we were doing to what, and what would be right where that helps. */
  readonly message: string;
  readonly context?: ErrorContext;
  readonly cause?: unknown;
}

/** The hypervisor, or one of its libraries, refused or failed. `context.call`, `.errno` and `.log` say which and why. */
export type HypervisorErrorCode =
  /** There is no Xen here, or no right to talk to it, or the addon is not built. */
  | 'HYPERVISOR_UNAVAILABLE'
  /** No domain has that domid (ESRCH). */
  | 'HYPERVISOR_NO_DOMAIN'
  /** Not permitted (EPERM, EACCES). */
  | 'HYPERVISOR_NOT_PERMITTED'
  /** Xen, or Dom0, is out of memory (ENOMEM). */
  | 'HYPERVISOR_NO_MEMORY'
  /** An argument was refused (EINVAL). */
  | 'HYPERVISOR_BAD_ARGUMENT'
  /** The thing already exists (EEXIST), such as a domid asked for. */
  | 'HYPERVISOR_EXISTS'
  /** It is in use, or the domain is in the wrong state for this (EBUSY, EAGAIN). */
  | 'HYPERVISOR_BUSY'
  /** Xen, or the release of its libraries, cannot do this (ENOSYS, EOPNOTSUPP). */
  | 'HYPERVISOR_NOT_SUPPORTED'
  /** Any other failure of a call; `context.errno` tells. */
  | 'HYPERVISOR_CALL_FAILED'
  /** The kernel image cannot be read. */
  | 'BUILD_KERNEL_UNREADABLE'
  /** The file is no kernel that this guest type can start. */
  | 'BUILD_KERNEL_INVALID'
  /** The ramdisk cannot be read, or is too large. */
  | 'BUILD_RAMDISK_UNREADABLE';

/** An answer of xenstored, or the connection to it. */
export type XenStoreErrorCode =
  | 'XENSTORE_NO_ENTRY'
  | 'XENSTORE_EXISTS'
  | 'XENSTORE_ACCESS'
  | 'XENSTORE_INVALID'
  | 'XENSTORE_QUOTA'
  | 'XENSTORE_TOO_BIG'
  | 'XENSTORE_CONFLICT'
  | 'XENSTORE_BUSY'
  | 'XENSTORE_NOT_SUPPORTED'
  | 'XENSTORE_READ_ONLY'
  | 'XENSTORE_NO_MEMORY'
  | 'XENSTORE_IS_CONNECTED'
  | 'XENSTORE_IO'
  /** Nothing listens where xenstored should be. */
  | 'XENSTORE_UNAVAILABLE'
  /** The connection went down while a request was pending, or was closed by us. */
  | 'XENSTORE_CLOSED';

/** Who broke the protocol: we (`PROTOCOL_LOCAL`, a bug or a bad argument) or the peer (`PROTOCOL_REMOTE`). */
export type ProtocolErrorCode = 'PROTOCOL_LOCAL' | 'PROTOCOL_REMOTE';

/** An operation on a domain could not be done. */
export type DomainErrorCode =
  | 'DOMAIN_NOT_FOUND'
  /** The state the domain is in does not allow this; `context.state` and the message say which would. */
  | 'DOMAIN_WRONG_STATE'
  /** The host has too little free memory; `context.neededKib` and `.freeKib` say how much. */
  | 'DOMAIN_NO_MEMORY'
  /** Another domain has that name. */
  | 'DOMAIN_NAME_TAKEN'
  /** The guest has said that it does not support this request. */
  | 'DOMAIN_NOT_SUPPORTED'
  /** Removal went on to the end but parts of it failed; `cause` holds all of them. */
  | 'DOMAIN_LEFTOVERS';

/** A device of a domain, or what connects it to the host. */
export type DeviceErrorCode =
  | 'DEVICE_EXISTS'
  | 'DEVICE_NOT_FOUND'
  /** The back-end or the guest's driver gave up; the message quotes it. */
  | 'DEVICE_FAILED'
  /** The guest does not let go of it. */
  | 'DEVICE_REFUSED'
  /** The disk or network cannot be connected, or released. */
  | 'HOTPLUG_FAILED';

/** The device model of a domain. */
export type DeviceModelErrorCode =
  /** It ended, or did not serve in time; the message quotes its log. */
  | 'DM_START_FAILED'
  /** There is none, or it went away. */
  | 'DM_UNAVAILABLE'
  /** It refused a command; the message quotes it. */
  | 'DM_COMMAND_FAILED';

/** An image or a stream of a saved domain. */
export type StreamErrorCode =
  /** It is damaged, cut off, or none at all. */
  | 'STREAM_INVALID'
  /** Written by a version or for a device model that we do not know. */
  | 'STREAM_NOT_SUPPORTED'
  /** The file cannot be opened, read or written. */
  | 'STREAM_IO';

/** A value from a command line, a file or a caller is wrong. */
export type ConfigErrorCode = 'CONFIG_BAD_VALUE';

/** No host to work on: none chosen and none found, or the address makes no sense. */
export type ConnectErrorCode = 'CONNECT_NO_HOST' | 'CONNECT_BAD_URI' | 'CONNECT_FAILED';

export type ErrorCode =
  | HypervisorErrorCode
  | XenStoreErrorCode
  | ProtocolErrorCode
  | DomainErrorCode
  | DeviceErrorCode
  | StreamErrorCode
  | DeviceModelErrorCode
  | ConfigErrorCode
  | ConnectErrorCode
  | 'TIMEOUT'
  | 'ABORTED';

/** Base of all errors of the toolstack. */
export class XenopsError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly context: ErrorContext;

  constructor(code: Code, { message, context = {}, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.context = context;
  }
}

export class HypervisorError extends XenopsError<HypervisorErrorCode> {}
export class XenStoreError extends XenopsError<XenStoreErrorCode> {}
export class ProtocolError extends XenopsError<ProtocolErrorCode> {}
export class DomainError extends XenopsError<DomainErrorCode> {}
export class DeviceError extends XenopsError<DeviceErrorCode> {}
export class StreamError extends XenopsError<StreamErrorCode> {}
export class DeviceModelError extends XenopsError<DeviceModelErrorCode> {}
export class ConfigError extends XenopsError<ConfigErrorCode> {}
export class ConnectError extends XenopsError<ConnectErrorCode> {}

/** A deadline passed. The message names what was awaited; `context.lastState` what was last seen. */
export class TimeoutError extends XenopsError<'TIMEOUT'> {
  constructor(details: ErrorDetails) {
    super('TIMEOUT', details);
  }
}

/** The caller's AbortSignal fired. */
export class AbortedError extends XenopsError<'ABORTED'> {
  constructor(details: ErrorDetails) {
    super('ABORTED', details);
  }
}

/** Whether the error has one of these codes; the way to match errors, also across packages and processes. */
export function hasCode<Code extends ErrorCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is XenopsError<Code> {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const { code } = error;
  return codes.some((wanted) => wanted === code);
}
