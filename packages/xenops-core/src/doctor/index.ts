export { findLeftovers } from './find-leftovers.ts';
export { inspectHost, type InspectOptions } from './inspect.ts';
export type { Inspection } from './inspection.ts';
export type { Leftover } from './leftover.ts';
export { repairLeftovers, type Repair } from './repair.ts';
