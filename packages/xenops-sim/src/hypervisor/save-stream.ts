/**
 * The stream of a simulated guest: what its script and its domain need to go on elsewhere, and the pages with contents.
 * Of our own: it says so in its first bytes, and holds nothing that a real guest could start from.
 *
 * ```
 * magic 8 bytes | u32 length | JSON of the state | pages: u64 frame, 4096 bytes each | u64 end mark | u32 CRC-32 of all before
 * ```
 * Numbers are little-endian.
 */
import { crc32 } from 'node:zlib';
import type { GuestType, TscMode } from '@xenops/core/hypervisor';
import { decodeValue, encodeValue } from '../rpc/value-codec.ts';
import { PAGE_BYTES } from './guest-memory.ts';

/** What travels. */
export interface SavedGuest {
  readonly guestType: GuestType;
  readonly vcpuCount: number;
  readonly memoryKib: number;
  readonly cmdline: string;
  readonly kernelPath: string;
  readonly hvmParams: readonly (readonly [string, bigint])[];
  readonly tsc: {
    readonly mode: TscMode;
    readonly elapsedMs: number;
    readonly incarnation: number;
  };
  readonly state?: unknown;
}

export interface SavedPage {
  readonly frame: bigint;
  readonly bytes: Uint8Array;
}

/** Takes bytes, in order; resolves when the next may come. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;
/** Gives up to so many bytes, at least one unless the stream is at its end. */
export type ByteSource = (count: number) => Promise<Uint8Array>;

/** Why a stream is no good. */
export class BrokenStream extends Error {}

const MAGIC = Buffer.from('XENSIM1\n');
const STATE_BYTES_MAX = 1_048_576;
const END_MARK = 0xffff_ffff_ffff_ffffn;

/** Writes a stream in parts: the state, then pages, then the end. */
export class StreamWriter {
  readonly #sink: ByteSink;
  #crc = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  async begin(guest: SavedGuest): Promise<void> {
    const state = Buffer.from(encodeValue(guest));
    await this.#write(Buffer.concat([MAGIC, u32(state.length), state]));
  }

  async page({ frame, bytes }: SavedPage): Promise<void> {
    await this.#write(Buffer.concat([u64(frame), bytes]));
  }

  async end(): Promise<void> {
    await this.#write(u64(END_MARK));
    await this.#sink(u32(this.#crc));
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#crc = crc32(bytes, this.#crc);
    await this.#sink(bytes);
  }
}

/** Reads a whole stream, and not a byte more. Rejects with BrokenStream when it is cut short or damaged. */
export async function readStream(
  source: ByteSource,
): Promise<{ readonly guest: SavedGuest; readonly pages: readonly SavedPage[] }> {
  let crc = 0;
  const take = async (count: number): Promise<Buffer> => {
    const bytes = await readExactly(source, count);
    crc = crc32(bytes, crc);
    return bytes;
  };
  if (!(await take(MAGIC.length)).equals(MAGIC))
    throw new BrokenStream('its first bytes are others');
  const length = (await take(4)).readUInt32LE();
  if (length > STATE_BYTES_MAX) throw new BrokenStream('its state is too long');
  const state = await take(length);
  const pages: SavedPage[] = [];
  for (;;) {
    const frame = (await take(8)).readBigUInt64LE();
    if (frame === END_MARK) break;
    pages.push({ frame, bytes: await take(PAGE_BYTES) });
  }
  const told = (await readExactly(source, 4)).readUInt32LE();
  if (told !== crc) throw new BrokenStream('its checksum is wrong');
  // Whole and undamaged, it is what a writer of this version wrote.
  return { guest: decodeValue(state.toString()) as SavedGuest, pages };
}

async function readExactly(source: ByteSource, count: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let missing = count; missing > 0;) {
    const part = await source(missing);
    if (part.length === 0) throw new BrokenStream('it ends too early');
    parts.push(part);
    missing -= part.length;
  }
  return Buffer.concat(parts);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
