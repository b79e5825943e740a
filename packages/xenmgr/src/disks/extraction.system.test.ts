/** The extraction with the programs of this machine. Needs root, a free loop device, and e2fsprogs. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Surroundings } from '../manager/manager.ts';
import { runProgram } from '../manager/programs.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { extractFile, parseExtraction } from './extraction.ts';

const UUID = '11111111-0000-4000-8000-00000000000a';
const SECTOR_BYTES = 512;
const PARTITION = { firstSector: 2048, sectors: 16_384 } as const;

function canMount(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/mkfs.ext4')) return false;
  // CAP_SYS_ADMIN is bit 21 (include/uapi/linux/capability.h).
  const status = readFileSync('/proc/self/status', 'utf8');
  const capabilities = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`);
  if (((capabilities >> 21n) & 1n) === 0n) return false;
  try {
    return existsSync(execFileSync('losetup', ['-f'], { encoding: 'utf8' }).trim());
  } catch {
    return false;
  }
}

const describeRoot = canMount() ? describe : describe.skip;

let around: FakeAround;
let image: string;
beforeEach(async () => {
  around = await fakeAround();
  const source = path.join(around.places.root, 'source');
  await mkdir(path.join(source, 'boot'), { recursive: true });
  await mkdir(around.places.run, { recursive: true });
  await writeFile(path.join(source, 'boot', 'vmlinuz-6'), 'a kernel');
  await symlink('boot/vmlinuz-6', path.join(source, 'vmlinuz'));
  await symlink('/etc/passwd', path.join(source, 'elsewhere'));
  image = path.join(around.places.root, 'disk.img');
  await writeFile(image, '');
  await truncate(image, (PARTITION.firstSector + PARTITION.sectors) * SECTOR_BYTES);
  await writePartition(image);
  const offset = `offset=${String(PARTITION.firstSector * SECTOR_BYTES)}`;
  const size = `${String((PARTITION.sectors * SECTOR_BYTES) / 1024)}k`;
  execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', '-d', source, '-E', offset, image, size]);
  const disk = { path: image, type: 'raw' };
  await around.database.transact((draft) => {
    draft.inject(`/vm/${UUID}`, JSON.stringify({ config: { disk: { 0: disk } } }));
  });
});
afterEach(async () => around[Symbol.asyncDispose]());

/** One entry of a partition table of old: its type at 4, its first sector at 8, its length at 12. */
async function writePartition(file: string): Promise<void> {
  const entry = Buffer.alloc(66);
  entry[4] = 0x83;
  entry.writeUInt32LE(PARTITION.firstSector, 8);
  entry.writeUInt32LE(PARTITION.sectors, 12);
  entry.writeUInt16LE(0xaa55, 64);
  await using handle = await open(file, 'r+');
  await handle.write(entry, 0, entry.length, 446);
}

const extract = async (spec: string): Promise<string> => {
  const target = path.join(around.places.run, 'kernel');
  const real = { ...around, run: runProgram } as unknown as Surroundings;
  await extractFile(real, UUID, parseExtraction(spec), target);
  return readFile(target, 'utf8');
};

describeRoot('a file in a partition of a disk', () => {
  test('is copied, through links within the disk, and nothing stays attached', async () => {
    expect(await extract('0,1:/vmlinuz')).toBe('a kernel');
    expect(await readdir(around.places.run)).toEqual(['kernel']);
    expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(around.places.run);
    expect(execFileSync('losetup', ['-j', image], { encoding: 'utf8' })).toBe('');
  });

  test.each(['0,1:/elsewhere', '0,1:/none', '0,2:/vmlinuz', '/vmlinuz'])(
    'is refused as %s, and nothing stays attached',
    async (spec) => {
      await expect(extract(spec)).rejects.toMatchObject({ code: 'IO' });
      expect(await readdir(around.places.run)).toEqual([]);
      expect(execFileSync('losetup', ['-j', image], { encoding: 'utf8' })).toBe('');
    },
  );
});
