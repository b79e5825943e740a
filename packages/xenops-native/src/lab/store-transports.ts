/** What of the xenstore suite does not apply to a way to xenstored, and why. */
import type { StoreTraits } from '@xenops/core/compliance';

type LeftOut = StoreTraits['leftOut'];

const WHOLE_MESSAGES = 'only whole messages, one at a time, get through it';
const WHOLE_LISTS = 'the library puts a long list together itself';

/** libxenstore makes its messages itself. */
export const LIBXENSTORE_LEFT_OUT: LeftOut = [
  [/^a client that leaves in the middle|comes byte by byte|^half a /, WHOLE_MESSAGES],
  [/^a length of .* ends the connection|^garbage ends/, WHOLE_MESSAGES],
  [/^many requests at once are answered in order/, WHOLE_MESSAGES],
  [/^a transaction cannot be started inside another/, 'the library has no call for it'],
  [/in parts|^a list longer than a message|^a part beyond/, WHOLE_LISTS],
];

/** Of what oxenstored sends, the library refuses messages longer than the protocol allows, and ends the connection. */
export const LIBXENSTORE_ON_OXENSTORED_LEFT_OUT: LeftOut = [
  ...LIBXENSTORE_LEFT_OUT,
  [/^XenStore: a directory longer than a message/, 'the library refuses so long a message'],
];

const KERNEL_WATCHES = 'the kernel keeps the watches of its users, under tokens of its own';
const KERNEL_REFUSES = 'the kernel refuses such a message itself, and the connection lives on';

/** The kernel takes one message at a write and looks into what it hands on (drivers/xen/xenbus/xenbus_dev_frontend.c). */
export const XENBUS_LEFT_OUT: LeftOut = [
  [/^a length of .* ends the connection|^garbage ends/, KERNEL_REFUSES],
  [/^ending no transaction|^a transaction cannot be started inside/, KERNEL_REFUSES],
  [/^watch refuses a malformed path/, KERNEL_REFUSES],
  [/^a value that fills the message/, 'with its header a message may have 4096 bytes there'],
  [
    /comes byte by byte|^half a |^many requests at once|^a client that leaves in the middle/,
    'a write is one message there',
  ],
  [/^a token is bytes|^the same path and token twice|^unwatch (of|with)/, KERNEL_WATCHES],
  [/^an event too long for a message/, KERNEL_WATCHES],
];

/** The kernel knows the transactions of its users, whatever the daemon says of others. */
export const XENBUS_DIFFERENCES: Partial<StoreTraits> = { unknownTransactionError: 'ENOENT' };

/** The kernel takes no message from the daemon that is longer than the protocol allows. */
export const XENBUS_ON_OXENSTORED_LEFT_OUT: LeftOut = [
  [
    /^XenStore: a directory longer than a message/,
    'so long a list does not get through, nor parts',
  ],
];

/** What cannot be asked of the daemon of a running host. */
export const REAL_XEN_LEFT_OUT: LeftOut = [
  [/^Dom0 has no quota/, 'thousands of requests take minutes under emulation'],
];

/** What Debian's configuration of oxenstored sets (/etc/xen/oxenstored.conf). */
export const REAL_OXENSTORED_DIFFERENCES: Partial<StoreTraits> = { pathBytesMax: 1024 };
export const REAL_OXENSTORED_LEFT_OUT: LeftOut = [
  ...REAL_XEN_LEFT_OUT,
  [/^a tree a thousand levels deep/, 'such a path is longer than its configuration allows'],
];

/**
 * A defect of the C daemon (seen with Debian's 4.17.7): a request of one path whose payload is no single text is answered
 * with the last `errno`, because nothing has set one (`get_node_canonicalized`, tools/xenstore/xenstored_core.c). Where
 * nothing has failed before, that is 0: no answer is made, and an assertion ends the daemon, which nobody can start again
 * in a running host. As a process without Xen it has failed at something at its start.
 */
export const REAL_XENSTORED_LEFT_OUT: LeftOut = [
  ...REAL_XEN_LEFT_OUT,
  [
    / with the payload ".*" is refused/,
    'such a request of Dom0 can end this daemon, and the host with it',
  ],
];

/** The traits of a daemon without the cases that its client cannot ask, and with what differs there. */
export function withLeftOut(
  traits: StoreTraits,
  leftOut: LeftOut,
  differences: Partial<StoreTraits> = {},
): StoreTraits {
  return { ...traits, ...differences, leftOut: [...traits.leftOut, ...leftOut] };
}
