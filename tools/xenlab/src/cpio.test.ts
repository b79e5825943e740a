import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { encodeCpio } from './cpio.ts';

const archive = encodeCpio([
  { kind: 'folder', path: 'dev' },
  { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
  { kind: 'file', path: 'init', data: Buffer.from('#!/bin/sh\n'), executable: true },
  { kind: 'file', path: 'odd', data: Buffer.from('abc'), executable: false },
]);

test('each record starts at a multiple of four bytes', () => {
  const text = archive.toString('latin1');
  const starts = [...text.matchAll(/070701/g)].map((match) => match.index);
  expect(starts).toHaveLength(5);
  expect(starts.every((start) => start % 4 === 0)).toBe(true);
  expect(archive.length % 4).toBe(0);
});

test('a record holds mode, size and name', () => {
  const start = archive.indexOf('init\0') - 110;
  const field = (index: number): number =>
    Number.parseInt(archive.toString('latin1', start + 6 + 8 * index, start + 14 + 8 * index), 16);
  expect(field(1).toString(8)).toBe('100755');
  expect(field(6)).toBe('#!/bin/sh\n'.length);
  expect(field(11)).toBe('init\0'.length);
});

const cpio = spawnSync('cpio', ['--version']).status === 0 ? test : test.skip;

cpio('cpio lists what was put in', () => {
  const listed = spawnSync('cpio', ['-itv'], { input: archive, encoding: 'utf8' });
  expect(listed.status).toBe(0);
  expect(listed.stdout).toMatch(/^crw.* 5, +1 .*dev\/console$/m);
  expect(listed.stdout).toMatch(/^-rwxr-xr-x .* 10 .*init$/m);
});
