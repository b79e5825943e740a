import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { confinedPath } from './confined-path.ts';

let outside: string;
let folder: string;
beforeEach(async () => {
  outside = await mkdtemp(path.join(tmpdir(), 'xenmgr-'));
  folder = path.join(outside, 'images');
  await mkdir(path.join(folder, 'below'), { recursive: true });
});
afterEach(async () => rm(outside, { recursive: true }));

const confined = (name: string): Promise<string> => confinedPath(folder, name, 'A memory image');

describe('a path that a caller names', () => {
  test('may be that of a file below the folder, there or not', async () => {
    await writeFile(path.join(folder, 'old'), '');
    for (const name of ['old', 'new', 'below/new']) {
      expect(await confined(path.join(folder, name))).toBe(path.join(folder, name));
    }
  });

  test('is given without its links, and a folder that is missing is made', async () => {
    await symlink(folder, path.join(outside, 'alias'));
    expect(await confined(path.join(outside, 'alias', 'new'))).toBe(path.join(folder, 'new'));
    const made = path.join(outside, 'made');
    expect(await confinedPath(made, `${made}/x`, 'It')).toBe(`${made}/x`);
  });

  test.each([
    ['is elsewhere', (): string => '/etc/passwd'],
    ['is relative', () => 'image'],
    ['climbs', () => `${folder}/../image`],
    ['is the folder itself', () => folder],
    ['only begins like the folder', () => `${folder}-other`],
    ['lies in a folder that is not there', () => `${folder}/none/image`],
    ['has a line break', () => `${folder}/a\nb`],
    ['is empty', () => ''],
  ])('that %s is refused, in one sentence', async (_how, name) => {
    await expect(confined(name())).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: `A memory image is an absolute path below ${folder}, in a folder that is there, and no link; ${JSON.stringify(name())} is not`,
    });
  });

  test('that is a link, or leads through one, is refused, also when there is nothing behind it yet', async () => {
    await symlink(path.join(outside, 'not-yet'), path.join(folder, 'link'));
    await symlink(outside, path.join(folder, 'way'));
    for (const name of ['link', 'way/image']) {
      await expect(confined(path.join(folder, name))).rejects.toMatchObject({ code: 'BAD_VALUE' });
    }
  });
});
