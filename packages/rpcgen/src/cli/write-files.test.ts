import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../testing/temporary-folder.test-helper.ts';
import { staleFiles, writeFiles } from './write-files.ts';

test('when a file cannot be put in place, those before it are as they were', () => {
  using folder = temporaryFolder();
  writeFileSync(path.join(folder.path, 'a'), 'old');
  mkdirSync(path.join(folder.path, 'sub'));
  const files = [
    { path: 'a', text: 'new\n' },
    { path: 'b', text: 'new\n' },
    // The folder of this one cannot be made, because a file has its name.
    { path: 'a/c', text: 'new\n' },
  ];
  expect(() => writeFiles(folder.path, files)).toThrow('cannot write');
  expect(readFileSync(path.join(folder.path, 'a'), 'utf8')).toBe('old');
  expect(readdirSync(folder.path).toSorted()).toEqual(['a', 'sub']);
});

test('files in folders are written and found fresh', () => {
  using folder = temporaryFolder();
  const files = [{ path: 'x/y/z.txt', text: 'ü\n' }];
  writeFiles(folder.path, files);
  expect(staleFiles(folder.path, files)).toEqual([]);
  expect(readdirSync(path.join(folder.path, 'x/y'))).toEqual(['z.txt']);
});
