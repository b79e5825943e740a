/**
 * What is a kernel for a PV or PVH guest: an ELF file with Xen's notes, bare, gzipped, or as the payload of a bzImage; what
 * libxenguest's loaders accept (tools/libs/guest/xg_dom_elfloader.c, xg_dom_bzimageloader.c). And a maker of the
 * smallest one, for simulated hosts, where nothing executes it.
 */
import { gunzipSync } from 'node:zlib';

/** Notes of a Xen kernel (xen/include/public/elfnote.h). */
const NOTE = {
  entry: 1,
  virtBase: 3,
  guestOs: 6,
  guestVersion: 7,
  xenVersion: 5,
  loader: 8,
  pvhEntry: 18,
} as const;
const NOTE_NAME = 'Xen\0';
const SEGMENT_LOAD = 1;
const SEGMENT_NOTE = 4;
const SECTION_NOTE = 7;
const ELF_MAGIC = 0x7f454c46;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
/** Largest unpacked kernel; protects against a small file that unpacks to a huge one. */
const KERNEL_BYTES_MAX = 268_435_456;

/** Whether a guest of that type can be built from the file. */
export function isKernelFor(guestType: 'pv' | 'pvh', image: Buffer): boolean {
  const payload = bzImagePayload(image);
  if (payload !== undefined && hasOtherPacking(payload)) return true;
  const kernel = unpack(payload ?? image);
  const entry = guestType === 'pv' ? NOTE.entry : NOTE.pvhEntry;
  return kernel !== undefined && hasXenNote(kernel, entry);
}

/** Whether the file could be hvmloader, of which libxenguest asks no more than that it is an ELF file. */
export function isElf(image: Buffer): boolean {
  return image.length >= 52 && image.readUInt32BE(0) === ELF_MAGIC;
}

/** An ELF64 kernel with Xen's notes and not a single instruction. */
export function simulatedKernel(): Buffer {
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);
  const word = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const notes = Buffer.concat([
    note(NOTE.guestOs, text('linux')),
    note(NOTE.guestVersion, text('2.6')),
    note(NOTE.xenVersion, text('xen-3.0')),
    note(NOTE.loader, text('generic')),
    note(NOTE.virtBase, word(0xffff_ffff_8000_0000n)),
    note(NOTE.entry, word(0xffff_ffff_8100_0000n)),
    note(NOTE.pvhEntry, word(0x100_0000n)),
  ]);
  const notesOffset = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;
  const header = Buffer.alloc(ELF_HEADER_BYTES);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(0x3e, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(0x100_0000n, 24);
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32);
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(2, 56);
  const load = programHeader(SEGMENT_LOAD, { offset: 0, bytes: notesOffset + notes.length });
  const noted = programHeader(SEGMENT_NOTE, { offset: notesOffset, bytes: notes.length });
  return Buffer.concat([header, load, noted, notes]);
}

function note(type: number, content: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(NOTE_NAME.length, 0);
  header.writeUInt32LE(content.length, 4);
  header.writeUInt32LE(type, 8);
  const padding = Buffer.alloc((4 - (content.length % 4)) % 4);
  return Buffer.concat([header, Buffer.from(NOTE_NAME), content, padding]);
}

function programHeader(
  type: number,
  { offset, bytes }: { readonly offset: number; readonly bytes: number },
): Buffer {
  const header = Buffer.alloc(PROGRAM_HEADER_BYTES);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(type === SEGMENT_LOAD ? 5 : 4, 4);
  header.writeBigUInt64LE(BigInt(offset), 8);
  header.writeBigUInt64LE(0xffff_ffff_8100_0000n + BigInt(offset), 16);
  header.writeBigUInt64LE(0x100_0000n + BigInt(offset), 24);
  header.writeBigUInt64LE(BigInt(bytes), 32);
  header.writeBigUInt64LE(BigInt(bytes), 40);
  header.writeBigUInt64LE(4n, 48);
  return header;
}

/** The packed kernel inside a bzImage (Documentation/arch/x86/boot.rst, protocol 2.08); undefined for other files. */
function bzImagePayload(image: Buffer): Buffer | undefined {
  if (image.length < 0x250 || image.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  if (image.readUInt16LE(0x206) < 0x208) return undefined;
  const setupSectors = image.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  return image.subarray(start, start + image.readUInt32LE(0x24c));
}

/** The kernel out of its wrapping; undefined when that is broken. */
function unpack(image: Buffer): Buffer | undefined {
  if (image.length < 4 || image.readUInt16BE(0) !== 0x1f8b) return image;
  try {
    return gunzipSync(image, { maxOutputLength: KERNEL_BYTES_MAX });
  } catch {
    return undefined;
  }
}

/** Packings of a bzImage besides gzip: xz, zstd, lz4, lzo, bzip2, lzma. The model trusts them to hold a kernel. */
const OTHER_PACKINGS = [
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x02, 0x21, 0x4c, 0x18],
  [0x89, 0x4c, 0x5a, 0x4f],
  [0x42, 0x5a, 0x68],
  [0x5d, 0x00, 0x00],
].map((bytes) => Buffer.from(bytes));

function hasOtherPacking(payload: Buffer): boolean {
  return OTHER_PACKINGS.some((magic) => payload.subarray(0, magic.length).equals(magic));
}

function hasXenNote(kernel: Buffer, type: number): boolean {
  if (!isElf(kernel)) return false;
  const is64Bit = kernel.readUInt8(4) === 2;
  if (!is64Bit || kernel.length < ELF_HEADER_BYTES) return false;
  return [
    ...table(kernel, {
      offsetAt: 32,
      countAt: 56,
      entryBytes: PROGRAM_HEADER_BYTES,
      type: SEGMENT_NOTE,
    }),
    ...table(kernel, {
      offsetAt: 40,
      countAt: 60,
      entryBytes: SECTION_HEADER_BYTES,
      type: SECTION_NOTE,
    }),
  ].some((notes) => containsXenNote(notes, type));
}

/** The contents of all segments, or sections, of one type. */
function table(
  kernel: Buffer,
  at: {
    readonly offsetAt: number;
    readonly countAt: number;
    readonly entryBytes: number;
    readonly type: number;
  },
): Buffer[] {
  const start = Number(kernel.readBigUInt64LE(at.offsetAt));
  const isSection = at.type === SECTION_NOTE;
  const found: Buffer[] = [];
  for (let index = 0; index < kernel.readUInt16LE(at.countAt); index += 1) {
    const entry = start + index * at.entryBytes;
    if (entry + at.entryBytes > kernel.length) break;
    if (kernel.readUInt32LE(entry + (isSection ? 4 : 0)) !== at.type) continue;
    const offset = Number(kernel.readBigUInt64LE(entry + (isSection ? 24 : 8)));
    found.push(kernel.subarray(offset, offset + Number(kernel.readBigUInt64LE(entry + 32))));
  }
  return found;
}

/** Whether a note of Xen's of this type, an entry point, is among the notes. */
function containsXenNote(notes: Buffer, type: number): boolean {
  const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;
  for (let at = 0; at + 12 <= notes.length;) {
    const nameBytes = notes.readUInt32LE(at);
    const isXen = notes.toString('latin1', at + 12, at + 12 + nameBytes) === NOTE_NAME;
    if (isXen && notes.readUInt32LE(at + 8) === type) return true;
    at += 12 + aligned(nameBytes) + aligned(notes.readUInt32LE(at + 4));
  }
  return false;
}
