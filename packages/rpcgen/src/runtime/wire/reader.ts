/**
 * Reads the primitive values of one message. Nothing in it is believed: every read checks its bounds, and padding,
 * booleans, strings and terminators are what the specification says or the read throws `DBUS_PROTOCOL`.
 * Source: D-Bus specification, "Marshaling (Wire Format)".
 */
import { ARRAY_BYTES_MAX, CONTAINERS_MAX, VALUE_DEPTH_MAX } from '../limits.ts';
import { protocolError } from '../errors.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A position in the bytes of one message, of which alignment counts from the start. */
export class Reader {
  readonly bytes: Buffer;
  /** Descriptors that came with the message; undefined when the transport cannot pass any. */
  readonly descriptors: readonly number[] | undefined;
  position: number;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #depth = 0;
  #containers = 0;

  constructor(bytes: Buffer, descriptors?: readonly number[]) {
    this.bytes = bytes;
    this.descriptors = descriptors;
    this.position = 0;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = bytes[0] === 0x6c;
  }

  /** Throws unless all bytes were read. */
  expectEnd(): void {
    if (this.position !== this.bytes.length) {
      throw protocolError('A message has more bytes than its signature says');
    }
  }

  /** Skips to a multiple of the alignment; what is skipped is zero. */
  align(alignment: number): void {
    const aligned = (this.position + alignment - 1) & -alignment;
    if (aligned > this.bytes.length) throw truncated();
    while (this.position < aligned) {
      if (this.bytes[this.position++] !== 0) throw protocolError('Padding is not zero');
    }
  }

  readByte(): number {
    return this.bytes[this.#take(1)] ?? 0;
  }

  readInt16(): number {
    return this.#view.getInt16(this.#takeAligned(2), this.#littleEndian);
  }

  readUint16(): number {
    return this.#view.getUint16(this.#takeAligned(2), this.#littleEndian);
  }

  readInt32(): number {
    return this.#view.getInt32(this.#takeAligned(4), this.#littleEndian);
  }

  readUint32(): number {
    return this.#view.getUint32(this.#takeAligned(4), this.#littleEndian);
  }

  readInt64(): bigint {
    return this.#view.getBigInt64(this.#takeAligned(8), this.#littleEndian);
  }

  readUint64(): bigint {
    return this.#view.getBigUint64(this.#takeAligned(8), this.#littleEndian);
  }

  readDouble(): number {
    return this.#view.getFloat64(this.#takeAligned(8), this.#littleEndian);
  }

  readBoolean(): boolean {
    const value = this.readUint32();
    if (value > 1) throw protocolError('A boolean is neither 0 nor 1', { value });
    return value === 1;
  }

  /** A string of type `s` or `o`. */
  readString(): string {
    return this.#readText(this.readUint32());
  }

  /** A string of type `g`; its grammar is the caller's to check. */
  readShortString(): string {
    return this.#readText(this.readByte());
  }

  /** A copy of so many bytes. */
  readBytes(length: number): Uint8Array {
    const start = this.#take(length);
    return new Uint8Array(this.bytes.subarray(start, start + length));
  }

  /**
   * Reads the length of an array and the padding before its first element, and gives the position of its end.
   * To be followed by `leave` at the end.
   */
  enterArray(elementAlignment: number): number {
    const length = this.readUint32();
    if (length > ARRAY_BYTES_MAX) throw protocolError('An array is too long', { length });
    this.align(elementAlignment);
    const end = this.position + length;
    if (end > this.bytes.length) throw truncated();
    this.enter();
    return end;
  }

  /** Counts a container that begins. */
  enter(): void {
    if (++this.#depth > VALUE_DEPTH_MAX) throw protocolError('Values are nested too deeply');
    if (++this.#containers > CONTAINERS_MAX) {
      throw protocolError('A message has too many arrays, structs and variants', {
        limit: CONTAINERS_MAX,
      });
    }
  }

  /** Counts a container that ends. */
  leave(): void {
    this.#depth--;
  }

  #readText(length: number): string {
    const start = this.#take(length + 1);
    const { bytes } = this;
    if (bytes[start + length] !== 0) throw protocolError('A string has no zero at its end');
    const text = bytes.toString('utf8', start, start + length);
    if (text.includes('\0')) throw protocolError('A string has a zero inside');
    if (text.includes('\ufffd')) checkUtf8(bytes.subarray(start, start + length));
    return text;
  }

  #takeAligned(size: number): number {
    this.align(size);
    return this.#take(size);
  }

  #take(length: number): number {
    const start = this.position;
    if (length > this.bytes.length - start) throw truncated();
    this.position = start + length;
    return start;
  }
}

/** A replacement character is in the text because it was sent, or because the bytes are no UTF-8. */
function checkUtf8(bytes: Uint8Array): void {
  try {
    strictUtf8.decode(bytes);
  } catch {
    throw protocolError('A string is not UTF-8');
  }
}

function truncated(): Error {
  return protocolError('A message ends inside a value');
}
