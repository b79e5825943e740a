/** What an image says of itself, read from the footer of a VHD or asked of qemu-img. Images of guests are not trusted. */
import { open, stat } from 'node:fs/promises';

const FOOTER_BYTES = 512;
const COOKIE = 'conectix';
/** Offset of the present size in a VHD footer, in bytes, big-endian (Virtual Hard Disk Image Format, 2006). */
const CURRENT_SIZE_OFFSET = 48;
const MIB = 1024n * 1024n;

/** The virtual size of a VHD in MiB, rounded up; 0 when the file cannot be read or is none. */
export async function vhdVirtualMib(file: string): Promise<number> {
  const footer = await readFooter(file);
  if (footer?.toString('latin1', 0, COOKIE.length) !== COOKIE) return 0;
  const mib = (footer.readBigUInt64BE(CURRENT_SIZE_OFFSET) + MIB - 1n) / MIB;
  return mib < 2n ** 31n ? Number(mib) : 0;
}

/** Bytes that a file takes on its file system; 0 when there is none, or it is no plain file. */
export async function allocatedBytes(file: string): Promise<bigint> {
  try {
    const found = await stat(file, { bigint: true });
    return found.isFile() ? found.blocks * 512n : 0n;
  } catch {
    return 0n;
  }
}

/** The footer stands at the end of every VHD. */
async function readFooter(file: string): Promise<Buffer | undefined> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size < FOOTER_BYTES) return undefined;
    const footer = Buffer.alloc(FOOTER_BYTES);
    await handle.read(footer, 0, FOOTER_BYTES, size - FOOTER_BYTES);
    return footer;
  } catch {
    return undefined;
  }
}
