/**
 * Reads the primitive values of one message. Nothing in it is believed: every read checks its bounds, and padding,
 * booleans, strings and terminators are what the specification says or the read throws `DBUS_PROTOCOL`.
 * Source: D-Bus specification, "Marshaling (Wire Format)".
 */
import { ARRAY_BYTES_MAX, CONTAINERS_MAX, VALUE_DEPTH_MAX } from '../limits.ts';
import { protocolError } from '../errors.ts';
import { NameCache } from './name-cache.ts';

/** Never values: they may be secrets, and seldom repeat. */
const NAMES = new NameCache();

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The descriptors that came with a message. */
export interface DescriptorList {
  readonly length: number;
  /** The descriptor at an index, now the taker's to close; undefined when there is none. */
  take(index: number): number | undefined;
  /** Closes all of them: the values that hold them reached nobody. */
  closeAll(): void;
}

/** A position in the bytes of one message, of which alignment counts from the start. */
export class Reader {
  readonly bytes: Buffer;
  /** Descriptors that came with the message; undefined when the transport cannot pass any. */
  descriptors: DescriptorList | undefined;
  position: number;
  readonly #littleEndian: boolean;
  #depth = 0;
  #containers = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.position = 0;
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
    const at = this.#takeAligned(2);
    return this.#littleEndian ? this.bytes.readInt16LE(at) : this.bytes.readInt16BE(at);
  }

  readUint16(): number {
    const at = this.#takeAligned(2);
    return this.#littleEndian ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at);
  }

  readInt32(): number {
    const at = this.#takeAligned(4);
    return this.#littleEndian ? this.bytes.readInt32LE(at) : this.bytes.readInt32BE(at);
  }

  readUint32(): number {
    const at = this.#takeAligned(4);
    return this.#littleEndian ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at);
  }

  readInt64(): bigint {
    const at = this.#takeAligned(8);
    return this.#littleEndian ? this.bytes.readBigInt64LE(at) : this.bytes.readBigInt64BE(at);
  }

  readUint64(): bigint {
    const at = this.#takeAligned(8);
    return this.#littleEndian ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at);
  }

  readDouble(): number {
    const at = this.#takeAligned(8);
    return this.#littleEndian ? this.bytes.readDoubleLE(at) : this.bytes.readDoubleBE(at);
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

  /** A string of type `s` or `o` that is likely to come again, such as a name in a header or a key. */
  readName(): string {
    return this.#readKnown(this.readUint32());
  }

  /** A string of type `g`; its grammar is the caller's to check. */
  readShortString(): string {
    return this.#readKnown(this.readByte());
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

  #readKnown(length: number): string {
    const start = this.position;
    if (start + length < this.bytes.length && this.bytes[start + length] === 0) {
      const known = NAMES.find(this.bytes, start, length);
      if (known !== undefined) {
        this.position = start + length + 1;
        return known;
      }
    }
    const text = this.#readText(length);
    NAMES.keep(this.bytes, start, length, text);
    return text;
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
