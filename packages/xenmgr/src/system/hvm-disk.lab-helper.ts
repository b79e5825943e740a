/** A disk from which a fully virtual guest boots by its BIOS into the test guest, which has no way in of its own for that. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const BOOT_SECTOR = fileURLToPath(new URL('hvm-boot.S', import.meta.url));
const BOOT_ADDRESS = '0x7c00';
const SECTOR_BYTES = 512;
/** What one call of the BIOS loads. */
const IMAGE_SECTORS_MAX = 127;
/** A size that IDE disks can have, with room behind the image. */
const DISK_BYTES = 1024 * 1024;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** XEN_ELFNOTE_PHYS32_ENTRY of xen/include/public/elfnote.h. */
const PVH_ENTRY_NOTE = 18;

/** The one segment of an ELF file for PVH, as it lies in memory. */
interface Image {
  readonly content: Buffer;
  readonly address: number;
  readonly memoryBytes: number;
  readonly entry: number;
}

/** Writes the disk for such an ELF file. Needs gcc and ld, as building the test guest does. */
export async function writeHvmDisk(elfFile: string, diskFile: string): Promise<void> {
  const image = readImage(await readFile(elfFile));
  const sectors = Math.ceil(image.content.length / SECTOR_BYTES);
  if (sectors > IMAGE_SECTORS_MAX) throw new Error(`${elfFile} is too large to be loaded at once`);
  const disk = Buffer.alloc(DISK_BYTES);
  disk.set(await assembleBootSector(image, sectors));
  disk.set(image.content, SECTOR_BYTES);
  await writeFile(diskFile, disk);
}

function readImage(elf: Buffer): Image {
  const headers = Array.from({ length: elf.readUInt16LE(56) }, (_, index) =>
    elf.subarray(Number(elf.readBigUInt64LE(32)) + index * elf.readUInt16LE(54)),
  );
  const field = (header: Buffer, at: number): number => Number(header.readBigUInt64LE(at));
  const ofType = (type: number): Buffer => {
    const found = headers.filter((header) => header.readUInt32LE(0) === type);
    if (found.length !== 1 || found[0] === undefined) throw new Error('No ELF file for PVH');
    return found[0];
  };
  const content = (header: Buffer): Buffer =>
    elf.subarray(field(header, 8), field(header, 8) + field(header, 32));
  const load = ofType(PT_LOAD);
  return {
    content: content(load),
    address: field(load, 24),
    memoryBytes: field(load, 40),
    entry: findEntry(content(ofType(PT_NOTE))),
  };
}

function findEntry(notes: Buffer): number {
  const aligned = (bytes: number): number => (bytes + 3) & ~3;
  for (let at = 0; at < notes.length;) {
    const value = at + 12 + aligned(notes.readUInt32LE(at));
    if (notes.readUInt32LE(at + 8) === PVH_ENTRY_NOTE) return notes.readUInt32LE(value);
    at = value + aligned(notes.readUInt32LE(at + 4));
  }
  throw new Error('The ELF file names no entry for PVH');
}

async function assembleBootSector(image: Image, sectors: number): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hvm-boot-'));
  try {
    const [object, sector] = ['boot.o', 'boot.bin'].map((name) => path.join(folder, name));
    const values = {
      IMAGE_SECTORS: sectors,
      IMAGE_BYTES: image.content.length,
      IMAGE_MEMORY: image.memoryBytes,
      IMAGE_ADDRESS: image.address,
      IMAGE_ENTRY: image.entry,
    };
    const defined = Object.entries(values).map(([name, value]) => `-D${name}=${value}`);
    const run = promisify(execFile);
    await run('gcc', ['-m32', '-c', ...defined, '-o', String(object), BOOT_SECTOR]);
    const linked = ['-m', 'elf_i386', '--oformat', 'binary', '-Ttext', BOOT_ADDRESS];
    await run('ld', [...linked, '-o', String(sector), String(object)]);
    return await readFile(String(sector));
  } finally {
    await rm(folder, { recursive: true });
  }
}
