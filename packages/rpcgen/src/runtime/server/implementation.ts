import type { InterfaceDescription } from '../describe.ts';
import type { CallContext } from './call-context.ts';

/** A result, now or later. */
export type Awaitable<T> = T | Promise<T>;

/** A method's handler, as seen by the run-time: it gets the values of the call, checked, and the context. */
export type MethodHandler = (...args: never[]) => unknown;

/** A property's handlers, as seen by the run-time. Those that its access calls for are there. */
export interface PropertyHandler {
  get?(context: CallContext): unknown;
  set?(value: never, context: CallContext): unknown;
}

/** What generated handler types look like to the run-time. */
export interface Implementation {
  readonly methods?: Readonly<Record<string, MethodHandler>>;
  readonly properties?: Readonly<Record<string, PropertyHandler>>;
  /** Whoever has the handlers tells of new values itself, wherever they come from: a Set tells nothing of its own. */
  readonly tellsChanges?: boolean;
}

declare const types: unique symbol;

/**
 * An interface with what its handlers do, at no path yet. One may stand for any number of objects, whose handlers then
 * go by `context.path`. `S` maps each signal to its arguments, `P` each property to its type.
 */
export interface Implemented<S = unknown, P = unknown> {
  readonly description: InterfaceDescription;
  readonly implementation: Implementation;
  /** Carries the types; never there. */
  readonly [types]?: { readonly signals: S; readonly properties: P };
}
