import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { ConsoleBook } from './console-book.ts';

test('without a folder the text is kept, up to a limit, and there are no files', () => {
  const book = new ConsoleBook(undefined);
  for (let count = 0; count < 3; count += 1) book.append(7, 'x'.repeat(500_000));
  expect(book.text(7)).toHaveLength(1_048_576);
  expect(book.text(8)).toBe('');
  expect(book.filePath(7)).toBeUndefined();
});

test('the file of a domain is for its owner, bounded, and begins anew with the next domain of the number', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'console-'));
  const book = new ConsoleBook(folder);
  const file = path.join(folder, '7.log');
  for (let count = 0; count < 30; count += 1) book.append(7, 'x'.repeat(100_000));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(file)).size).toBeLessThan(1_200_000);
  book.forget(7);
  expect(await readFile(file, 'utf8')).toMatch(/^x+$/);
  book.append(7, 'new');
  expect(await readFile(file, 'utf8')).toBe('new');
  expect(book.text(7)).toBe('new');
  await rm(folder, { recursive: true });
});
