export { CleanupStack } from './cleanup-stack.ts';
export { throwIfAborted, withDeadline } from './deadline.ts';
export type { AwaitedThing, WaitOptions } from './deadline.ts';
