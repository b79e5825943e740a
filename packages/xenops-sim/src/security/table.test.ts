import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const workspace = fileURLToPath(new URL('../../../..', import.meta.url));
const ROOTS = ['packages', 'packages/xenops-core/src', 'packages/xenops-sim/src'];

test('every test that docs/security.md names is there, and every test of this folder is named', async () => {
  const page = await readFile(path.join(workspace, 'docs/security.md'), 'utf8');
  const named = [...page.matchAll(/`([\w./-]+\.ts)`/g)].map(([, file = '']) => file);
  expect(named.length).toBeGreaterThan(40);
  const isThere = (file: string): boolean =>
    ROOTS.some((root) => existsSync(path.join(workspace, root, file)));
  expect(named.filter((file) => !isThere(file))).toEqual([]);
  const own = ['guest', 'backend', 'device-model'].map((who) => `security/hostile-${who}.test.ts`);
  expect(named).toEqual(expect.arrayContaining(own));
});
