// Finds the compressed ELF kernel inside a bzImage. Xen's own decompression of a bzImage takes seconds under
// emulation and fails now and then; the ELF needs none. Pure.
import { LabError } from './errors.ts';

export type Compression = 'gzip' | 'xz' | 'zstd';

export interface KernelPayload {
  readonly compression: Compression;
  readonly data: Uint8Array;
}

/** Offsets of the setup header, Documentation/arch/x86/boot.rst. */
const SETUP_SECTORS_OFFSET = 0x1f1;
const SIGNATURE_OFFSET = 0x202;
const PAYLOAD_OFFSET_OFFSET = 0x248;
const PAYLOAD_LENGTH_OFFSET = 0x24c;
/** The kernel's build appends the size of the uncompressed payload to xz and zstd. */
const SIZE_TRAILER_BYTES = 4;

const magics: readonly { readonly compression: Compression; readonly hex: string }[] = [
  { compression: 'gzip', hex: '1f8b' },
  { compression: 'xz', hex: 'fd377a585a00' },
  { compression: 'zstd', hex: '28b52ffd' },
];

/** @throws LabError LAB_HOST_UNSUITABLE for a file that is not a bzImage, or compressed in another way. */
export function findKernelPayload(image: Buffer): KernelPayload {
  if (image.toString('latin1', SIGNATURE_OFFSET, SIGNATURE_OFFSET + 4) !== 'HdrS') {
    throw new LabError('LAB_HOST_UNSUITABLE', { message: 'The Dom0 kernel is not a bzImage' });
  }
  const start =
    (image.readUInt8(SETUP_SECTORS_OFFSET) + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH_OFFSET));
  const head = payload.toString('hex', 0, 8);
  const compression = magics.find(({ hex }) => head.startsWith(hex))?.compression;
  if (compression === undefined) {
    throw new LabError('LAB_HOST_UNSUITABLE', {
      message: 'The Dom0 kernel is compressed in a way that is not gzip, xz or zstd',
      context: { head },
    });
  }
  const trailer = compression === 'gzip' ? 0 : SIZE_TRAILER_BYTES;
  return { compression, data: payload.subarray(0, payload.length - trailer) };
}
