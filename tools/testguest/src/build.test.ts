import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildTestguest } from './index.ts';

const ELF_CLASS_64 = 2;
const IMAGE_BYTES_MAX = 128 * 1024;
const BUILD_TIMEOUT_MS = 60_000;
/** xen/include/public/elfnote.h: what the two ways of booting need. */
const NOTE_ENTRY = 1;
const NOTE_HYPERCALL_PAGE = 2;
const NOTE_PHYS32_ENTRY = 18;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'testguest-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The types of the notes that Xen's domain builder looks at. */
function noteTypes(image: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = image.indexOf('Xen\0'); at >= 0; at = image.indexOf('Xen\0', at + 1)) {
    types.push(image.readUInt32LE(at - 4));
  }
  return types;
}

test(
  'the image is a small 64-bit ELF file for PV and PVH, built once',
  async () => {
    const file = await buildTestguest({ folder });
    const image = readFileSync(file);
    expect(image.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(image[4]).toBe(ELF_CLASS_64);
    expect(image.length).toBeLessThan(IMAGE_BYTES_MAX);
    expect(noteTypes(image)).toEqual(
      expect.arrayContaining([NOTE_ENTRY, NOTE_HYPERCALL_PAGE, NOTE_PHYS32_ENTRY]),
    );

    const { mtimeMs } = statSync(file);
    expect(await buildTestguest({ folder })).toBe(file);
    expect(statSync(file).mtimeMs).toBe(mtimeMs);
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
  },
  BUILD_TIMEOUT_MS,
);

test('a build that is cut short leaves nothing behind', async () => {
  const empty = path.join(folder, 'empty');
  const build = buildTestguest({ folder: empty, signal: AbortSignal.abort() });
  await expect(build).rejects.toMatchObject({ code: 'TESTGUEST_BUILD_FAILED' });
  expect(readdirSync(empty)).toEqual([]);
});
