/**
 * What goes wrong in the manager. On D-Bus each code is an error name of its own, `com.citrix.xenclient.xenmgr.Error.*`,
 * and the text starts with the number that clients of the old service know.
 */
import { XenopsError } from '@xenops/core/errors';
import { DbusError } from '@xenops/rpcgen/runtime';

/** The codes and their numbers. Source: the numeric codes of the old service; 100 is new, for faults of our own. */
export const MANAGER_ERRORS = {
  /** A fault of the manager itself. */
  INTERNAL: 100,
  NOT_ENOUGH_MEMORY: 101,
  VM_WRONG_STATE: 102,
  VM_STOPPED_OTHERWISE: 103,
  VM_DID_NOT_SHUT_DOWN: 104,
  VM_ALREADY_CREATED: 105,
  NEEDS_CAPABILITY: 106,
  DISK_MOUNT_FAILED: 107,
  /** Anything else that the monitor says; the text is its detail. */
  MONITOR_FAILED: 199,
  HOST_HIBERNATE_FAILED: 201,
  FORBIDDEN_BY_VM_POLICY: 202,
  CANNOT_REMOVE_RUNNING: 204,
  TOO_MANY_VMS: 205,
  NO_SUCH_DISK: 206,
  WRONG_DISK_TYPE: 207,
  NEEDS_PV_ADDONS: 213,
  NO_DIAGNOSTICS_RUNNING: 216,
  AMT_IN_USE: 219,
  FORBIDDEN_BY_HOST_POLICY: 220,
  NO_SUCH_NIC: 222,
  /** A file, program or hook failed; the text is the cause. */
  IO: 223,
  CANNOT_WAKE: 224,
  VM_NOT_READY: 225,
  SLEEP_TIMEOUT: 227,
  HIBERNATE_TIMEOUT: 228,
  SHUTDOWN_TIMEOUT: 229,
  PCI_DEVICE_IN_USE: 230,
  GPU_NOT_SECONDARY: 231,
  NO_NETWORK_BACKEND: 232,
  OEM_FEATURES_IN_USE: 233,
  NO_SUCH_GPU: 234,
  NO_SUCH_LANGUAGE: 236,
  BAD_FIREWALL_RULE: 237,
  KEY_FILE_EXISTS: 238,
  DISK_HAS_KEY: 239,
  NETWORK_NOT_READY: 240,
  NO_SUCH_FILE: 242,
  NETWORK_DOWN: 243,
  BAD_CASE_ID: 244,
  BAD_CREDENTIALS: 245,
  TERMS_NOT_ACCEPTED: 246,
  /** New: a value, name or path of the caller makes no sense. */
  BAD_VALUE: 300,
  /** New: there is no such VM, template, object. */
  NOT_FOUND: 301,
  /** New: the caller may not do this. */
  NOT_PERMITTED: 302,
  /** New: something did not happen in its time. */
  TIMEOUT: 303,
  /** New: the disk has no room for the database. */
  NO_SPACE: 304,
  /** New: a peer of the manager, such as the network daemon, is not there. */
  PEER_ABSENT: 305,
  /** New: a measured disk is not as it was. */
  MEASUREMENT_FAILED: 306,
  /** New: the host goes down or sleeps, so that nothing is started. */
  HOST_NOT_IDLE: 307,
  /** New: a VM that this one needs does not run. */
  DEPENDENCY_MISSING: 308,
} as const;

export type ManagerErrorCode = keyof typeof MANAGER_ERRORS;

export class ManagerError extends XenopsError<ManagerErrorCode> {}

const ERROR_PREFIX = 'com.citrix.xenclient.xenmgr.Error.';

/** What a caller on D-Bus gets: a name for the code, and the text `NUMBER:TEXT`. */
export function managerReply(error: ManagerError): DbusError {
  const name = error.code
    .split('_')
    .map((word) => word.slice(0, 1) + word.slice(1).toLowerCase())
    .join('');
  const text = `${MANAGER_ERRORS[error.code]}:${error.message}`;
  return new DbusError(`${ERROR_PREFIX}${name}`, text, { cause: error });
}
