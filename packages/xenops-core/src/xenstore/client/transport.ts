/**
 * A way to xenstored: bytes out, bytes in, closed once. Opened by a connector so that a lost one can be opened again.
 */
export interface TransportHandlers {
  /** Takes bytes; the chunk is the receiver's from then on. */
  readonly onData: (chunk: Uint8Array) => void;
  /** Called once, when no more data will come; `cause` says why unless we closed it. */
  readonly onClose: (cause?: Error) => void;
}

export interface Transport {
  /** Sends whole messages, in order; one call is one message. */
  send(message: Buffer): void;
  /** Whether waiting for data keeps the process alive. */
  setRef(keepAlive: boolean): void;
  close(): void;
}

/** Opens a transport. Rejects with XENSTORE_UNAVAILABLE when nobody answers. */
export type Connector = (handlers: TransportHandlers) => Promise<Transport>;
