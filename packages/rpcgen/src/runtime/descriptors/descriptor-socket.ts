/** A transport that passes file descriptors: what `connectBus` is given as `openSocket`. */

/** What a socket tells. */
export interface DescriptorSocketEvents {
  /** Bytes arrived, and descriptors with them, which are ours to close. */
  readonly onData: (bytes: Buffer, descriptors: readonly number[]) => void;
  /** Nothing more comes. Called once. */
  readonly onEnd: (error: Error | undefined) => void;
}

/** A connected Unix socket that passes file descriptors beside bytes. */
export interface DescriptorSocket {
  /** Sends all bytes, the descriptors with the first; one write at a time. The descriptors stay the caller's. */
  write(
    bytes: Buffer,
    descriptors: readonly number[],
    onDone: (error?: Error | null) => void,
  ): void;
  /** Ends both directions; `onEnd` follows. Harmless the second time. */
  shutdown(): void;
  /** Whether the open socket keeps the process running, as it does at first. */
  hold(isHeld: boolean): void;
  /** Gives a second descriptor of the same open file. Throws for a number that is no open descriptor. */
  duplicate(descriptor: number): number;
}

/** Connects to a Unix socket; a path that starts with a zero byte is an abstract name. Throws when it cannot. */
export type OpenDescriptorSocket = (
  path: string,
  events: DescriptorSocketEvents,
) => DescriptorSocket;
