/** What generated code, and programs that use it, import: `@xenops/rpcgen/runtime`. */
export { connectBus, type Bus } from './bus.ts';
export type { BusState, CallOptions, CallTarget, ConnectOptions } from './bus-options.ts';
export { subscription } from './bus-names.ts';
export type { NameOptions, OwnerListener, Subscription } from './bus-names.ts';
export { InterfaceClient, type Target } from './client/interface-client.ts';
export type { PropertiesClient, PropertyChanges } from './client/properties-client.ts';
export type { PropertyCache } from './client/property-cache.ts';
export type { SignalsClient } from './client/signals-client.ts';
export type {
  DescriptorSocket,
  DescriptorSocketEvents,
  OpenDescriptorSocket,
} from './descriptors/descriptor-socket.ts';
export type { InterfaceDescription, MethodDescription, PropertyDescription } from './describe.ts';
export { BusError, DbusError, STANDARD_ERROR } from './errors.ts';
export type { BusErrorCode, DbusErrorClass } from './errors.ts';
export type { BusAddress } from './library.ts';
export { DEFAULT_LIMITS, type BusLimits } from './limits.ts';
export type { CallContext } from './server/call-context.ts';
export type { Credentials } from './server/callers.ts';
export type { Fallback } from './server/fallback-table.ts';
export type { Awaitable, Implementation, Implemented } from './server/implementation.ts';
export type { Exported, ObjectTree, Teller } from './server/object-tree.ts';
export type { ReceivedSignal } from './signal-router.ts';
export type { SignalRule } from './wire/match-rule.ts';
export { objectPath, signature, variant } from './values.ts';
export type { ObjectPath, OpenEnum, Signature, UnixFd, Variant } from './values.ts';
