/** What callers tell a bus, and what it tells them. */
import type { OpenDescriptorSocket } from './descriptors/descriptor-socket.ts';
import type { BusError, DbusError, DbusErrorClass } from './errors.ts';
import type { BusAddress } from './library.ts';
import type { BusLimits } from './limits.ts';
import type { BodyCodec } from './wire/body-codec.ts';
import type { HeaderTemplate, IncomingMessage } from './wire/message.ts';

/** How to connect. */
export interface ConnectOptions {
  readonly address: BusAddress;
  /** For connecting, and for every call that does not bring its own. */
  readonly timeoutMs: number;
  /** Interrupts connecting; not the connection. */
  readonly signal?: AbortSignal;
  readonly limits?: Partial<BusLimits>;
  /**
   * A transport that passes file descriptors, such as `openDescriptorSocket` of `@xenops/rpcgen/descriptors`. Without
   * it sending or receiving one is `DBUS_NO_DESCRIPTORS`.
   */
  readonly openSocket?: OpenDescriptorSocket;
  /** Replace a lost connection, first after so long, then twice as long each time up to the maximum. */
  readonly reconnect?: { readonly firstDelayMs: number; readonly delayMaxMs: number };
  /**
   * Takes what listeners throw, and what handlers throw that is no DbusError. Without it that is thrown again outside
   * of everything, which ends the process unless it has a handler of its own.
   */
  readonly onUnexpected?: (error: unknown) => void;
  /** Turns what a handler throws into an error reply; undefined for what it does not know. */
  readonly mapError?: (error: unknown) => DbusError | undefined;
}

/** What can be said for one call. */
export interface CallOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Do not start the service for it. */
  readonly noAutoStart?: boolean;
  /** The service may ask the user for permission, however long that takes. */
  readonly interactive?: boolean;
}

/** One method at one object, with its signatures. */
export interface CallTarget {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly input: string;
  readonly output: string;
  readonly noReply?: boolean | undefined;
  readonly timeoutMs?: number | undefined;
  /** Classes for the errors that are expected. */
  readonly errors?: readonly DbusErrorClass[];
}

/** A call of which everything but the values is ready; it gives a `T`. */
export interface PreparedCall<T> {
  readonly template: HeaderTemplate;
  readonly codec: BodyCodec;
  readonly target: CallTarget;
  readonly decode: (reply: IncomingMessage) => T;
  /** What a call without a reply gives. */
  readonly pick: (values: readonly unknown[]) => T;
}

/** What happened to the connection. */
export type BusState =
  | { readonly kind: 'disconnected'; readonly reason: BusError }
  | { readonly kind: 'reconnected'; readonly uniqueName: string }
  | { readonly kind: 'closed'; readonly reason: BusError };
