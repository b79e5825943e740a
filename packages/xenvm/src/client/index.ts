/** Clients of a VM monitor: `@xenops/xenvm/client`. */
export { callHistorical } from './historical-call.ts';
export { callOverDbus, type DbusCallOptions } from './dbus-call.ts';
export { isAnswering, vmSocketPath } from './socket-path.ts';
export { RemoteTaskError } from './remote-task-error.ts';
export { connectVm, type CallOptions, VmClient, type VmClientOptions } from './vm-client.ts';
export { watchVm, type WatchOptions } from './watch-vm.ts';
export type { EventDelta, EventItem, EventPosition, EventSnapshot } from '../notify/event-log.ts';
export type { JsonObject, JsonValue } from '../rpc/json-text-codec.ts';
export type { TaskArguments, TaskProgress, TaskValue } from '../rpc/vm-port.ts';
