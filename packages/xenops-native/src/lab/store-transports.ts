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
  [/comes byte by byte|^half a |^many requests at once/, 'a write is one message there'],
  [/^a token is bytes|^the same path and token twice|^unwatch (of|with)/, KERNEL_WATCHES],
  [/^an event too long for a message/, KERNEL_WATCHES],
];

/** What cannot be asked of the daemon of a running host. */
export const REAL_XEN_LEFT_OUT: LeftOut = [
  [/^Dom0 has no quota/, 'thousands of requests take minutes under emulation'],
];

/** Seen with Debian's 4.17.7 in a Dom0; the same binary lives on with made-up domains. */
export const REAL_XENSTORED_LEFT_OUT: LeftOut = [
  ...REAL_XEN_LEFT_OUT,
  [
    / with the payload ".*" is /,
    'a malformed message of Dom0 can end the daemon, and with it the host',
  ],
];

/** The traits of a daemon without the cases that its client cannot ask. */
export function withLeftOut(traits: StoreTraits, leftOut: LeftOut): StoreTraits {
  return { ...traits, leftOut: [...traits.leftOut, ...leftOut] };
}
