import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { VirtualClock } from '../time/virtual-clock.ts';
import { openForAppend } from './append-file.ts';
import { GuestScene } from './guest-scene.test-helper.ts';

const GUEST = 7;

let folder = '';
let scene: GuestScene;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'trace-'));
  scene = await GuestScene.open({ domids: [GUEST], clock: new VirtualClock(1500), openForAppend });
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const control = (...words: string[]): string => scene.dom0.ask({ name: 'control', words });
const fileIn = (name: string): string => path.join(folder, name);

test('requests and answers are traced from logfile on, until log off, and again after log on', async () => {
  const trace = fileIn('trace');
  expect(control('logfile', trace)).toBe('OK');
  scene.dom0.write('/a', 'one\ntwo');
  scene.send(GUEST, { name: 'read', path: '/a' });
  control('log', 'off');
  scene.dom0.write('/b', '');
  control('log', 'on');
  control('log', 'off');
  expect(await readFile(trace, 'latin1')).toBe(
    [
      '',
      '***',
      'OUT 0x1 1.500 CONTROL (OK )',
      'IN 0x1 1.500 WRITE (/a one two)',
      'OUT 0x1 1.500 WRITE (OK )',
      'IN 0x2 1.500 READ (/a )',
      'OUT 0x2 1.500 ERROR (EACCES )',
      'IN 0x1 1.500 CONTROL (log off )',
      '',
      '***',
      'OUT 0x1 1.500 CONTROL (OK )',
      'IN 0x1 1.500 CONTROL (log off )',
      '',
    ].join('\n'),
  );
  expect((await stat(trace)).mode & 0o777).toBe(0o600);
});

test('a report of memory goes to the file that is named, or to the trace', async () => {
  const report = fileIn('report');
  expect(control('memreport')).toBe('EINVAL');
  expect(control('memreport', report)).toBe('OK');
  expect(await readFile(report, 'latin1')).toContain(
    `Domain ${GUEST}:\nnodes           :        1\n`,
  );
  control('logfile', fileIn('trace'));
  expect(control('memreport')).toBe('OK');
  expect(await readFile(fileIn('trace'), 'latin1')).toContain(`Domain ${GUEST}:\n`);
});

test('a file that cannot be had costs a report, and of a trace nobody hears', () => {
  expect(control('memreport', fileIn('no/such/folder'))).toBe('EINVAL');
  expect(control('logfile', fileIn('no/such/folder'))).toBe('OK');
  expect(scene.dom0.write('/a', '')).toBe('OK');
});
