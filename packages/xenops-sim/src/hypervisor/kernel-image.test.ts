import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isKernelFor, simulatedKernel } from './kernel-image.ts';

/** A bzImage around a packed kernel, with one sector of set-up. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(1024);
  setup.writeUInt8(1, 0x1f1);
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt32LE(0, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, payload]);
}

describe('what is a kernel', () => {
  const kernel = simulatedKernel();
  const withoutNote = Buffer.from(kernel);
  for (let at = withoutNote.indexOf('Xen\0'); at >= 0; at = withoutNote.indexOf('Xen\0')) {
    withoutNote.write('Xin', at, 'latin1');
  }
  test.each([
    ['the simulated one', kernel, true],
    ['gzipped', gzipSync(kernel), true],
    ['in a bzImage', bzImage(gzipSync(kernel)), true],
    ['in a bzImage, not gzipped', bzImage(kernel), true],
    ['in a bzImage, packed with xz', bzImage(Buffer.from('fd377a585a00', 'hex')), true],
    ['packed with xz, without a bzImage', Buffer.from('fd377a585a00', 'hex'), false],
    ['an ELF file whose entry is not for Xen', withoutNote, false],
    ['broken gzip', gzipSync(kernel).subarray(0, 40), false],
    ['empty', Buffer.alloc(0), false],
    ['text', Buffer.from('#!/bin/sh\nexit 0\n'), false],
    ['a bzImage of text', bzImage(Buffer.from('text')), false],
  ])('%s: %#', (_, image, is) => {
    expect(isKernelFor('pv', image)).toBe(is);
    expect(isKernelFor('pvh', image)).toBe(is);
  });
});

test('no bytes make the check fail', () => {
  const kernel = simulatedKernel();
  fc.assert(
    fc.property(
      fc.nat({ max: kernel.length - 1 }),
      fc.nat({ max: 255 }),
      fc.nat(),
      (at, byte, cut) => {
        const image = Buffer.from(kernel);
        image.writeUInt8(byte, at);
        const part = image.subarray(0, cut % (image.length + 1));
        expect(typeof isKernelFor('pv', part)).toBe('boolean');
      },
    ),
  );
});
