import { expect, test } from '@jest/globals';
import { findKernelPayload } from './bzimage.ts';
import { LabError } from './errors.ts';

/** One setup sector besides the boot sector, and the payload 16 bytes into the protected-mode code. */
function makeBzImage(payload: Buffer): Buffer {
  const image = Buffer.alloc(1024 + 16 + payload.length);
  image.writeUInt8(1, 0x1f1);
  image.write('HdrS', 0x202, 'latin1');
  image.writeUInt32LE(16, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  payload.copy(image, 1024 + 16);
  return image;
}

test('the appended size is cut off an xz payload', () => {
  const stream = Buffer.from('fd377a585a00aabbcc', 'hex');
  const found = findKernelPayload(
    makeBzImage(Buffer.concat([stream, Buffer.from('00000001', 'hex')])),
  );
  expect(found.compression).toBe('xz');
  expect(Buffer.from(found.data)).toEqual(stream);
});

test('a gzip payload is taken whole: the size is part of its format', () => {
  const stream = Buffer.from('1f8b08000000000000', 'hex');
  expect(Buffer.from(findKernelPayload(makeBzImage(stream)).data)).toEqual(stream);
});

test.each([
  [
    'another compression',
    makeBzImage(Buffer.from('0221 4c18 0000 0000'.replaceAll(' ', ''), 'hex')),
  ],
  ['a file without the header', Buffer.alloc(2048)],
])('%s is refused', (_what, image) => {
  expect(() => findKernelPayload(image)).toThrow(LabError);
});
