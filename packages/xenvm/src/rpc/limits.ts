/** Everything that a client could make grow, or make us wait for, with its limit. */

/** Limits of one socket and of each connection to it. */
export interface RpcLimits {
  /** Bytes of one request; also what tells the two framings apart, see `framing-codec.ts`. */
  readonly requestBytesMax: number;
  /** Connections to one socket; more are closed at once. */
  readonly connectionsMax: number;
  /** Requests of one connection without an answer yet; more are refused. */
  readonly pendingMax: number;
  /** Unsent bytes of one connection from which on nothing more is read from it and no event is put into it. */
  readonly unsentBytesHigh: number;
  /** Until the first byte, and for the rest of a request once it has begun. */
  readonly requestTimeoutMs: number;
  /** For a client to take anything at all of what waits for it. */
  readonly stallTimeoutMs: number;
}

/** Far above what clients need, far below what would hurt Dom0. */
export const DEFAULT_RPC_LIMITS: RpcLimits = {
  requestBytesMax: 1_048_576,
  connectionsMax: 128,
  pendingMax: 64,
  unsentBytesHigh: 262_144,
  requestTimeoutMs: 30_000,
  stallTimeoutMs: 30_000,
};

/** Connections that may wait to be accepted; the kernel bounds it further (net.core.somaxconn). */
export const BACKLOG = 128;
