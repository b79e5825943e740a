/** The options of `xec`, and where they lead to. */
import type { BusAddress } from '@xenops/rpcgen/runtime';
import { XENMGR_BUS_NAME } from '../client/names.ts';
import { usageError } from './errors.ts';
import { valueOf, type GivenOptions, type OptionRow } from './options.ts';

/** Those that `xec` and `xec-vm` have in common. */
export const COMMON_OPTIONS: readonly OptionRow[] = [
  { name: 'service', short: 's', values: ['SERVICE'], help: 'bus name to call' },
  { name: 'interface', short: 'i', values: ['INTERFACE'], help: 'only members of this interface' },
  { name: 'get', short: 'g', values: ['PROPERTY'], help: 'print a property' },
  { name: 'set', short: 'x', values: ['PROPERTY', 'VALUE'], help: 'set a property' },
  { name: 'list-interfaces', values: [], help: 'print the names of the interfaces' },
  { name: 'list-methods', values: [], help: 'print the names of the methods' },
  { name: 'list-properties', values: [], help: 'print the names of the properties' },
  { name: 'session', values: [], help: 'use the session bus' },
  { name: 'bus', values: ['ADDRESS'], help: 'use the bus at this D-Bus address' },
  { name: 'timeout', values: ['SECONDS'], help: 'how long to wait for a reply (default 3600)' },
  { name: 'json', values: [], help: 'print results and errors as JSON' },
  { name: 'query', short: 'q', values: [], help: 'accepted for old scripts' },
  { name: 'help', short: 'h', values: [], help: 'print this text, or about NAME' },
];

/** Those of `xec`. */
export const XEC_OPTIONS: readonly OptionRow[] = [
  { name: 'object', short: 'o', values: ['PATH'], help: 'object to use (default /)' },
  { name: 'target-domid', short: 't', values: ['DOMID'], help: 'refused: see --bus' },
  ...COMMON_OPTIONS,
];

/** The old client waited without end. Nothing that the service does takes an hour, and an interrupt always works. */
const REPLY_TIMEOUT_S = 3600;

/** Longest delay that a timer of Node takes, in seconds. */
const REPLY_TIMEOUT_S_MAX = 2_147_483;

/** What the options say besides what to do. */
export interface Settings {
  readonly busName: string;
  readonly address: BusAddress;
  readonly interfaceName: string | undefined;
  readonly timeoutMs: number;
  readonly isJson: boolean;
}

/** Reads the options. Throws XEC_USAGE. */
export function settingsOf(given: GivenOptions): Settings {
  if (given.has('target-domid')) {
    throw usageError(
      'the bus of another domain is reached over argo, which this client cannot; ' +
        'forward it to a socket and give that to --bus',
    );
  }
  return {
    busName: valueOf(given, 'service') ?? XENMGR_BUS_NAME,
    address: valueOf(given, 'bus') ?? (given.has('session') ? 'session' : 'system'),
    interfaceName: valueOf(given, 'interface'),
    timeoutMs: timeoutMsOf(valueOf(given, 'timeout')),
    isJson: given.has('json'),
  };
}

function timeoutMsOf(text: string | undefined): number {
  const seconds = text === undefined ? REPLY_TIMEOUT_S : Number(text);
  if (seconds > 0 && seconds <= REPLY_TIMEOUT_S_MAX) return seconds * 1000;
  throw usageError(
    `--timeout takes a number of seconds up to ${REPLY_TIMEOUT_S_MAX}, not "${text ?? ''}"`,
  );
}
