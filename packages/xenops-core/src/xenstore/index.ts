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
