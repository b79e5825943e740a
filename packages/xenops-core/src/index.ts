export * from './errors.ts';
export * from './ids.ts';
export type * from './hypervisor/hypervisor.ts';
export { shutdownCode, shutdownReason, SHUTDOWN_REASONS } from './hypervisor/hypervisor.ts';
export type * from './xenstore/xenstore.ts';
export type { Host } from './host/host.ts';
export { connect } from './connect.ts';
