import type { ErrorCode } from '@xenops/core/errors';

/** Exit statuses of every command. */
export const EXIT = {
  done: 0,
  /** The operation failed; also an unknown command, and a required argument that is missing or wrong. */
  failed: 1,
  /** An option that does not exist or cannot be read. */
  usage: 2,
  configuration: 3,
  timedOut: 4,
  noSuchDomain: 5,
  interrupted: 130,
} as const;

/** The exit status for each error; a new code does not build until it is here. */
export const EXIT_STATUS: Readonly<Record<ErrorCode, number>> = {
  HYPERVISOR_UNAVAILABLE: EXIT.failed,
  HYPERVISOR_NO_DOMAIN: EXIT.noSuchDomain,
  HYPERVISOR_NOT_PERMITTED: EXIT.failed,
  HYPERVISOR_NO_MEMORY: EXIT.failed,
  HYPERVISOR_BAD_ARGUMENT: EXIT.failed,
  HYPERVISOR_EXISTS: EXIT.failed,
  HYPERVISOR_BUSY: EXIT.failed,
  HYPERVISOR_NOT_SUPPORTED: EXIT.failed,
  HYPERVISOR_CALL_FAILED: EXIT.failed,
  BUILD_KERNEL_UNREADABLE: EXIT.failed,
  BUILD_KERNEL_INVALID: EXIT.failed,
  BUILD_RAMDISK_UNREADABLE: EXIT.failed,
  XENSTORE_NO_ENTRY: EXIT.failed,
  XENSTORE_EXISTS: EXIT.failed,
  XENSTORE_ACCESS: EXIT.failed,
  XENSTORE_INVALID: EXIT.failed,
  XENSTORE_QUOTA: EXIT.failed,
  XENSTORE_TOO_BIG: EXIT.failed,
  XENSTORE_CONFLICT: EXIT.failed,
  XENSTORE_BUSY: EXIT.failed,
  XENSTORE_NOT_SUPPORTED: EXIT.failed,
  XENSTORE_READ_ONLY: EXIT.failed,
  XENSTORE_NO_MEMORY: EXIT.failed,
  XENSTORE_IS_CONNECTED: EXIT.failed,
  XENSTORE_IO: EXIT.failed,
  XENSTORE_UNAVAILABLE: EXIT.failed,
  XENSTORE_CLOSED: EXIT.failed,
  PROTOCOL_LOCAL: EXIT.failed,
  PROTOCOL_REMOTE: EXIT.failed,
  DOMAIN_NOT_FOUND: EXIT.noSuchDomain,
  DOMAIN_WRONG_STATE: EXIT.failed,
  DOMAIN_NO_MEMORY: EXIT.failed,
  DOMAIN_NAME_TAKEN: EXIT.failed,
  DOMAIN_NOT_SUPPORTED: EXIT.failed,
  DOMAIN_LEFTOVERS: EXIT.failed,
  DEVICE_EXISTS: EXIT.failed,
  DEVICE_NOT_FOUND: EXIT.failed,
  DEVICE_FAILED: EXIT.failed,
  DEVICE_REFUSED: EXIT.failed,
  HOTPLUG_FAILED: EXIT.failed,
  DM_START_FAILED: EXIT.failed,
  DM_UNAVAILABLE: EXIT.failed,
  DM_COMMAND_FAILED: EXIT.failed,
  STREAM_INVALID: EXIT.failed,
  STREAM_NOT_SUPPORTED: EXIT.failed,
  STREAM_IO: EXIT.failed,
  CONFIG_BAD_VALUE: EXIT.configuration,
  CONNECT_NO_HOST: EXIT.failed,
  CONNECT_BAD_URI: EXIT.usage,
  CONNECT_FAILED: EXIT.failed,
  TIMEOUT: EXIT.timedOut,
  ABORTED: EXIT.interrupted,
};

/** The exit status for whatever was thrown. */
export function exitStatus(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return isErrorCode(code) ? EXIT_STATUS[code] : EXIT.failed;
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(EXIT_STATUS, code);
}
