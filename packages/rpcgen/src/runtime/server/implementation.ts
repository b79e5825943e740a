import type { CallContext } from './call-context.ts';

/** A result, now or later. */
export type Awaitable<T> = T | Promise<T>;

/** A method's handler, as seen by the run-time: it gets the values of the call, checked, and the context. */
export type MethodHandler = (...args: never[]) => unknown;

/** A property's handlers, as seen by the run-time. Those that its access calls for are there. */
export interface PropertyHandler {
  get?(context?: CallContext): unknown;
  set?(value: never, context: CallContext): unknown;
}

/** What generated handler types look like to the run-time. */
export interface Implementation {
  readonly methods?: Readonly<Record<string, MethodHandler>>;
  readonly properties?: Readonly<Record<string, PropertyHandler>>;
}
