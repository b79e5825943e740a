/**
 * The types of messages and the names of errors (`enum xsd_sockmsg_type` and `xsd_errors`,
 * xen/include/public/io/xs_wire.h). The numbers are the wire's; gaps are types that are gone.
 */
export const MessageType = {
  control: 0,
  directory: 1,
  read: 2,
  getPermissions: 3,
  watch: 4,
  unwatch: 5,
  transactionStart: 6,
  transactionEnd: 7,
  introduce: 8,
  release: 9,
  getDomainPath: 10,
  write: 11,
  mkdir: 12,
  rm: 13,
  setPermissions: 14,
  watchEvent: 15,
  error: 16,
  isDomainIntroduced: 17,
  resume: 18,
  setTarget: 19,
  resetWatches: 21,
  directoryPart: 22,
  getFeature: 23,
  setFeature: 24,
  getQuota: 25,
  setQuota: 26,
} as const;

export type MessageName = keyof typeof MessageType;
/** A type that a client may send. */
export type RequestName = Exclude<MessageName, 'watchEvent' | 'error'>;

const NAMES: ReadonlyMap<number, MessageName> = new Map(
  (Object.keys(MessageType) as MessageName[]).map((name) => [MessageType[name], name]),
);

/** The name of a type; undefined for a number that no message has. */
export function findMessageName(type: number): MessageName | undefined {
  return NAMES.get(type);
}

/** Error names of the wire. EQUOTA is sent by oxenstored alone and is not in the public table. */
export const WIRE_ERRORS = [
  'EINVAL',
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ENOENT',
  'ENOMEM',
  'ENOSPC',
  'EIO',
  'ENOTEMPTY',
  'ENOSYS',
  'EROFS',
  'EBUSY',
  'EAGAIN',
  'EISCONN',
  'E2BIG',
  'EPERM',
  'EQUOTA',
] as const;

export type WireError = (typeof WIRE_ERRORS)[number];
