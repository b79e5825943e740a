import { afterEach, expect, jest, test } from '@jest/globals';
import { main } from './main.ts';

afterEach(() => void jest.restoreAllMocks());

test.each(['--help', '-help'])('%s touches neither host nor files (D4)', async (word) => {
  const out: string[] = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out.push(String(text));
    return true;
  });
  const umask = process.umask(0o022);
  const open = (): never => {
    throw new Error('The host was opened');
  };
  expect(await main([word], open)).toBe(0);
  process.umask(umask);
  expect(out.join('')).toMatch(/^usage: xenvm /);
});
