import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cp, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Surroundings } from '../manager/manager.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { extractionPart } from './extraction-part.ts';
import { parseExtraction } from './extraction.ts';

const UUID = '11111111-0000-4000-8000-00000000000a';
let around: FakeAround;
let fileSystem: string;
let mounted: string[];

/** Mounting is played by copying a folder, unmounting by emptying it. */
beforeEach(async () => {
  around = await fakeAround();
  mounted = [];
  fileSystem = path.join(around.places.root, 'fs');
  await mkdir(path.join(fileSystem, 'boot'), { recursive: true });
  await mkdir(around.places.run, { recursive: true });
  await writeFile(path.join(fileSystem, 'boot', 'vmlinuz,x'), 'a kernel');
  const { programs } = around;
  programs.play('losetup', ({ args }) => (args.includes('--find') ? '/dev/loop7\n' : ''));
  programs.play('partx', () => ' 2048 204800\n');
  programs.play('mount', async ({ args }) => {
    const folder = args.at(-1) ?? '';
    mounted.push(folder);
    await cp(fileSystem, folder, { recursive: true, verbatimSymlinks: true });
    return '';
  });
  programs.play('umount', async ({ args: [folder = ''] }) => {
    mounted = mounted.filter((one) => one !== folder);
    const { rm } = await import('node:fs/promises');
    for (const name of await readdir(folder))
      await rm(path.join(folder, name), { recursive: true });
    return '';
  });
});
afterEach(async () => around[Symbol.asyncDispose]());

async function extract(
  text: string,
  disk: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const node = { path: '/disks/root.img', type: 'file', ...disk };
  const config = { 'kernel-extract': text, disk: { 0: node, 1: node } };
  await around.database.transact((draft) => {
    draft.inject(`/vm/${UUID}`, JSON.stringify({ config }));
  });
  return extractionPart(around as unknown as Surroundings).facts?.(UUID);
}

const lines = (): readonly string[] =>
  around.programs.runs.map(({ program, args }) => [program, ...args].join(' '));

/** Whatever happened, nothing is mounted, and no folder of ours is left. */
async function expectNothingLeft(): Promise<void> {
  expect(mounted).toEqual([]);
  const left = await readdir(around.places.run);
  expect(left.filter((name) => name.startsWith('mount-'))).toEqual([]);
  expect(lines().filter((line) => line.startsWith('losetup --detach'))).toHaveLength(1);
}

describe('what to take out of a disk', () => {
  test.each([
    ['/boot/vmlinuz', { disk: 0, partition: undefined, file: '/boot/vmlinuz' }],
    ['1:/boot/a,b:c', { disk: 1, partition: undefined, file: '/boot/a,b:c' }],
    ['2,3:/k', { disk: 2, partition: 3, file: '/k' }],
  ])('%s', (text, spec) => {
    expect(parseExtraction(text)).toEqual(spec);
  });

  test.each(['boot/vmlinuz', '1,:/k', 'a:/k', '1:2:/k', ''])('%j is none', (text) => {
    expect(() => parseExtraction(text)).toThrow(expect.objectContaining({ code: 'BAD_VALUE' }));
  });
});

describe('the extraction of a kernel', () => {
  test('copies it into a file of ours, by a read-only mount of its partition', async () => {
    const facts = await extract('1,2:/boot/vmlinuz,x');
    const kernel = path.join(around.places.run, `${UUID}-kernel`);
    expect(facts).toEqual({ extractedKernel: kernel });
    expect(await readFile(kernel, 'utf8')).toBe('a kernel');
    expect((await stat(kernel)).mode & 0o777).toBe(0o600);
    expect(lines()).toEqual([
      'partx --show --noheadings --output START,SECTORS --nr 2 /disks/root.img',
      'losetup --find --show --read-only --offset 1048576 --sizelimit 104857600 /disks/root.img',
      expect.stringMatching(/^mount -o ro,nosuid,nodev,noexec \/dev\/loop7 /),
      expect.stringMatching(/^umount /),
      'losetup --detach /dev/loop7',
    ]);
    await expectNothingLeft();
    await extractionPart(around as unknown as Surroundings).gone?.(UUID, 1);
    await expect(stat(kernel)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('of a VHD goes through a tap device that is taken away last', async () => {
    around.programs.play('tap-ctl', ({ args }) => (args[0] === 'create' ? '/dev/tap0\n' : ''));
    await extract('/boot/vmlinuz,x', { type: 'vhd' });
    expect(lines()[0]).toBe('tap-ctl create -a vhd:/disks/root.img -R');
    expect(lines().at(-1)).toBe('tap-ctl destroy -d /dev/tap0');
  });

  test.each([
    ['a link out of the disk', async () => symlink('/etc/passwd', path.join(fileSystem, 'k'))],
    ['a folder', async () => mkdir(path.join(fileSystem, 'k'))],
    ['nothing', async () => undefined],
    [
      'a file without end',
      async () => {
        await writeFile(path.join(fileSystem, 'k'), '');
        await truncate(path.join(fileSystem, 'k'), 600 * 1024 * 1024);
      },
    ],
  ])('refuses %s, and leaves nothing', async (_what, prepare) => {
    await prepare();
    await expect(extract('/k')).rejects.toMatchObject({ code: 'IO' });
    await expectNothingLeft();
    expect(await readdir(around.places.run)).toEqual([]);
  });

  test('that cannot be mounted leaves nothing', async () => {
    around.programs.play('mount', () => {
      throw new Error('bad superblock');
    });
    await expect(extract('/k')).rejects.toThrow('bad superblock');
    await expectNothingLeft();
  });

  test('is not for a disk that no program here can read, nor for HVM', async () => {
    await expect(extract('/k', { type: 'qcow2' })).rejects.toMatchObject({
      code: 'WRONG_DISK_TYPE',
    });
    await expect(extract('7:/k')).rejects.toMatchObject({ code: 'NO_SUCH_DISK' });
    await around.database.transact((draft) => draft.write(`/vm/${UUID}/config/virt-type`, 'hvm'));
    expect(await extractionPart(around as unknown as Surroundings).facts?.(UUID)).toEqual({});
  });
});
