export { ownedBy, parsePermission, parsePermissions, renderPermissions } from './permissions.ts';
export type { Access, Permission, Permissions } from './permissions.ts';
export type {
  RequestOptions,
  TransactionOptions,
  Watch,
  WatchEvent,
  XenStore,
  XenStoreTree,
} from './xenstore.ts';
export { WireClient } from './client/client.ts';
export type { WireClientOptions } from './client/client.ts';
export { DEFAULT_SOCKET_PATH, socketConnector } from './client/socket-transport.ts';
export { XENBUS_DEVICE, xenbusConnector } from './client/xenbus-transport.ts';
export type { Connector, Transport, TransportHandlers } from './client/transport.ts';
export { openLocalStore, openSocketStore } from './open.ts';
export { applyTreeChange } from './nodes.ts';
export type { NodeWrite, TreeChange } from './nodes.ts';
export { waitFor } from './wait.ts';
export type { Condition } from './wait.ts';
