/**
 * Frames of the xenstore protocol: a header of four 32-bit words (type, request, transaction, payload length) in the
 * machine's byte order, little-endian here, and a payload. Bytes are pushed in and frames are pulled out; there is no
 * I/O and no promise in this folder.
 */
import { ProtocolError } from '../../errors.ts';
import { HEADER_BYTES, PAYLOAD_BYTES_MAX } from './limits.ts';

export interface Frame {
  /** One of MessageType, or a number that the peer made up. */
  readonly type: number;
  /** Chosen by the client, repeated in the reply; 0 in watch events. */
  readonly requestId: number;
  /** 0 outside transactions. */
  readonly transactionId: number;
  /** A view into what was pushed, and its bytes for as long as the giver of those leaves them alone. */
  readonly payload: Buffer;
}

const EMPTY: Buffer = Buffer.alloc(0);

/** Takes bytes as they come and gives whole frames. */
export class FrameDecoder {
  readonly #payloadBytesMax: number;
  #bytes: Buffer = EMPTY;
  #offset = 0;
  #broken: ProtocolError | undefined;

  /** Frames with a longer payload than this break the stream. */
  constructor(payloadBytesMax: number = PAYLOAD_BYTES_MAX) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Adds bytes. The chunk is kept, not copied, until its frames are pulled. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const rest = this.#bytes.length - this.#offset;
    this.#bytes = rest === 0 ? bytes : Buffer.concat([this.#bytes.subarray(this.#offset), bytes]);
    this.#offset = 0;
  }

  /** Bytes that are pushed but not yet pulled. */
  get pendingBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  /**
   * The next whole frame, or undefined when more bytes are needed. Throws PROTOCOL_REMOTE when the announced payload is
   * too long; the stream cannot be read any further then and every later call throws the same.
   */
  next(): Frame | undefined {
    if (this.#broken !== undefined) throw this.#broken;
    const bytes = this.#bytes;
    const start = this.#offset;
    if (bytes.length - start < HEADER_BYTES) return undefined;
    const payloadBytes = bytes.readUInt32LE(start + 12);
    if (payloadBytes > this.#payloadBytesMax) {
      this.#broken = new ProtocolError('PROTOCOL_REMOTE', {
        message: `A xenstore message of ${payloadBytes} bytes is over the limit of ${this.#payloadBytesMax}`,
        context: { payloadBytes, type: bytes.readUInt32LE(start) },
      });
      throw this.#broken;
    }
    const end = start + HEADER_BYTES + payloadBytes;
    if (bytes.length < end) return undefined;
    this.#offset = end;
    return {
      type: bytes.readUInt32LE(start),
      requestId: bytes.readUInt32LE(start + 4),
      transactionId: bytes.readUInt32LE(start + 8),
      payload: bytes.subarray(start + HEADER_BYTES, end),
    };
  }
}

/** Writes a header to the start of `target`. */
function writeHeader(target: Buffer, header: Omit<Frame, 'payload'>, payloadBytes: number): void {
  target.writeUInt32LE(header.type, 0);
  target.writeUInt32LE(header.requestId, 4);
  target.writeUInt32LE(header.transactionId, 8);
  target.writeUInt32LE(payloadBytes, 12);
}

/**
 * One frame as bytes. Text parts are written as UTF-8 and end as they are: callers add the NULs. Throws PROTOCOL_LOCAL
 * when the payload is over the limit of the protocol.
 */
export function encodeFrame(
  header: Omit<Frame, 'payload'>,
  parts: readonly (string | Uint8Array)[],
): Buffer {
  let payloadBytes = 0;
  for (const part of parts) {
    payloadBytes += typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength;
  }
  if (payloadBytes > PAYLOAD_BYTES_MAX) {
    throw new ProtocolError('PROTOCOL_LOCAL', {
      message: `A xenstore message takes at most ${PAYLOAD_BYTES_MAX} bytes, not ${payloadBytes}`,
      context: { payloadBytes, type: header.type },
    });
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  writeHeader(frame, header, payloadBytes);
  let offset = HEADER_BYTES;
  for (const part of parts) {
    if (typeof part === 'string') {
      offset += frame.write(part, offset);
    } else {
      frame.set(part, offset);
      offset += part.byteLength;
    }
  }
  return frame;
}

/** The texts of a payload in which each ends with a NUL; a last one without is taken too. */
export function splitTexts(payload: Buffer): string[] {
  if (payload.length === 0) return [];
  const texts = payload.toString('utf8').split('\0');
  if (texts.at(-1) === '') texts.pop();
  return texts;
}
