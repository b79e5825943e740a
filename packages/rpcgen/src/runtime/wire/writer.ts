/** Writes the primitive values of messages, one after the other, into a buffer that is used again and again. */
import { BusError } from '../errors.ts';
import { ARRAY_BYTES_MAX, VALUE_DEPTH_MAX } from '../limits.ts';
import { badValue } from './bad-value.ts';

const INITIAL_BYTES = 16 * 1024;

/** Up to here a loop over the characters is faster than a call into the C++ of Buffer. */
const SHORT_TEXT = 40;

/** A buffer above this size is given back after the message that needed it. */
const KEPT_BYTES_MAX = 1024 * 1024;

/** The message being written. Little-endian, as every machine that runs Xen. */
export class Writer {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  position = 0;
  /** Descriptors that go with the message; undefined when the transport cannot pass any. */
  descriptors: number[] | undefined;
  #view = viewOf(this.bytes);
  #depth = 0;
  #limit = 0;

  /** Starts a message, which may have up to so many bytes. */
  start(limit: number): void {
    if (this.bytes.length > KEPT_BYTES_MAX) {
      this.bytes = Buffer.allocUnsafe(INITIAL_BYTES);
      this.#view = viewOf(this.bytes);
    }
    this.position = 0;
    this.#depth = 0;
    this.#limit = limit;
  }

  align(alignment: number): void {
    const aligned = alignUp(this.position, alignment);
    this.#reserve(alignment);
    while (this.position < aligned) this.bytes[this.position++] = 0;
  }

  writeByte(value: number): void {
    this.#reserve(1);
    this.bytes[this.position++] = value;
  }

  writeInt16(value: number): void {
    this.#view.setInt16(this.#takeAligned(2), value, true);
  }

  writeUint16(value: number): void {
    this.#view.setUint16(this.#takeAligned(2), value, true);
  }

  writeInt32(value: number): void {
    this.#view.setInt32(this.#takeAligned(4), value, true);
  }

  writeUint32(value: number): void {
    this.#view.setUint32(this.#takeAligned(4), value, true);
  }

  writeInt64(value: bigint): void {
    this.#view.setBigInt64(this.#takeAligned(8), value, true);
  }

  writeUint64(value: bigint): void {
    this.#view.setBigUint64(this.#takeAligned(8), value, true);
  }

  writeDouble(value: number): void {
    this.#view.setFloat64(this.#takeAligned(8), value, true);
  }

  /** A string of type `s` or `o`. Throws `DBUS_BAD_VALUE` for a NUL or half a surrogate pair. */
  writeString(text: string): void {
    const at = this.#takeAligned(4);
    const length = this.#writeText(text);
    this.#view.setUint32(at, length, true);
  }

  /** A string of type `g`, which the caller has checked. */
  writeShortString(text: string): void {
    this.writeByte(text.length);
    this.#writeText(text);
  }

  writeBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.bytes.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Leaves room for an array's length and pads for its elements; gives where the length stands. */
  enterArray(elementAlignment: number): number {
    this.enter();
    const lengthAt = this.#takeAligned(4);
    this.align(elementAlignment);
    return lengthAt;
  }

  /** Fills in the length of an array whose elements have just been written. */
  leaveArray(lengthAt: number, elementAlignment: number): void {
    this.leave();
    const length = this.position - alignUp(lengthAt + 4, elementAlignment);
    if (length > ARRAY_BYTES_MAX) throw badValue('an array has at most 64 MiB');
    this.#view.setUint32(lengthAt, length, true);
  }

  /** Overwrites a 32-bit word. */
  patchUint32(position: number, value: number): void {
    this.#view.setUint32(position, value, true);
  }

  /** Counts a container that begins. */
  enter(): void {
    if (++this.#depth > VALUE_DEPTH_MAX) throw badValue('values nest at most 64 deep');
  }

  /** Counts a container that ends. */
  leave(): void {
    this.#depth--;
  }

  #writeText(text: string): number {
    const { length } = text;
    if (length <= SHORT_TEXT) {
      this.#reserve(length * 3 + 1);
      const { bytes, position } = this;
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit === 0 || unit > 0x7e) break;
        bytes[position + index] = unit;
      }
      if (index === length) {
        bytes[position + length] = 0;
        this.position = position + length + 1;
        return length;
      }
    }
    if (text.includes('\0')) throw badValue('a string has no NUL');
    if (/\p{Surrogate}/u.test(text)) throw badValue('a string has no half of a surrogate pair');
    this.#reserve(Buffer.byteLength(text) + 1);
    const written = this.bytes.write(text, this.position, 'utf8');
    this.bytes[this.position + written] = 0;
    this.position += written + 1;
    return written;
  }

  #takeAligned(size: number): number {
    this.align(size);
    this.#reserve(size);
    const at = this.position;
    this.position += size;
    return at;
  }

  #reserve(length: number): void {
    const needed = this.position + length;
    if (needed <= this.bytes.length) return;
    if (needed > this.#limit) {
      throw new BusError('DBUS_LIMIT', {
        message: 'A message would be larger than this connection allows',
        context: { limitBytes: this.#limit },
      });
    }
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, needed));
    this.bytes.copy(larger, 0, 0, this.position);
    this.bytes = larger;
    this.#view = viewOf(larger);
  }
}

function alignUp(position: number, alignment: number): number {
  return (position + alignment - 1) & -alignment;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
