import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { removeDrafts } from './image-drafts.ts';

test('halves of an image go with the process that wrote them, and nothing else does', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'xenvm-test-'));
  const names = ['image', 'image.5.part', 'image.7.part', 'image.x.part', 'image2.5.part'];
  for (const name of names) await writeFile(path.join(folder, name), '');
  await removeDrafts(path.join(folder, 'image'), (pid) => pid === 7);
  expect((await readdir(folder)).toSorted()).toEqual(
    names.filter((name) => name !== 'image.5.part').toSorted(),
  );
  await rm(folder, { recursive: true });
  await removeDrafts(path.join(folder, 'image'));
});
