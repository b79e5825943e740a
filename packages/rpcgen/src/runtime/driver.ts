/** The bus itself as a peer: the methods of `org.freedesktop.DBus` that the run-time needs. */
import type { MethodDescription } from './describe.ts';

/** The name, interface and path of the bus. */
export const DRIVER = {
  name: 'org.freedesktop.DBus',
  interface: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
} as const;

/** The methods of the bus that are called here. */
export type DriverMethod =
  | 'RequestName'
  | 'ReleaseName'
  | 'GetNameOwner'
  | 'AddMatch'
  | 'RemoveMatch'
  | 'GetConnectionCredentials';

/** Source: D-Bus specification, "Message Bus Messages". */
export const DRIVER_METHODS: Readonly<Record<DriverMethod, MethodDescription>> = {
  RequestName: { input: 'su', output: 'u' },
  ReleaseName: { input: 's', output: 'u' },
  GetNameOwner: { input: 's', output: 's' },
  AddMatch: { input: 's', output: '' },
  RemoveMatch: { input: 's', output: '' },
  GetConnectionCredentials: { input: 's', output: 'a{sv}' },
};

/** What RequestName answers. */
export const REQUEST_NAME_REPLY = { owner: 1, queued: 2, exists: 3, alreadyOwner: 4 } as const;

/** The flags of RequestName. */
export const REQUEST_NAME_FLAG = { allowReplacement: 1, replace: 2, doNotQueue: 4 } as const;
