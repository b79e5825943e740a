import { HEADER_BYTES, messageLength } from './message.ts';

/** Cuts a stream of bytes into messages: bytes in, whole messages out, each byte copied at most once. */
export class FrameSplitter {
  readonly #limit: number;
  readonly #onMessage: (bytes: Buffer) => void;
  #kept: Buffer[] = [];
  #keptLength = 0;
  #needed = HEADER_BYTES;

  /** `limit` is how large a message may be. */
  constructor(limit: number, onMessage: (bytes: Buffer) => void) {
    this.#limit = limit;
    this.#onMessage = onMessage;
  }

  /** Takes what has arrived. Throws BusError `DBUS_PROTOCOL` when it is no message, and what the receiver throws. */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#keptLength > 0) {
      this.#kept.push(chunk);
      this.#keptLength += chunk.length;
      if (this.#keptLength < this.#needed) return;
      bytes = Buffer.concat(this.#kept);
      this.#kept = [];
      this.#keptLength = 0;
    }
    const end = this.#split(bytes);
    if (end < bytes.length) {
      this.#kept.push(bytes.subarray(end));
      this.#keptLength = bytes.length - end;
    }
  }

  /** Hands out the whole messages and gives where the first incomplete one starts. */
  #split(bytes: Buffer): number {
    let start = 0;
    for (;;) {
      const available = bytes.length - start;
      this.#needed = HEADER_BYTES;
      if (available < HEADER_BYTES) return start;
      this.#needed = messageLength(bytes, start, this.#limit);
      if (available < this.#needed) return start;
      const end = start + this.#needed;
      this.#onMessage(bytes.subarray(start, end));
      start = end;
    }
  }
}
