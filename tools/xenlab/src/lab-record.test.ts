import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createLabFolder,
  isOrphan,
  labFolder,
  readRecords,
  sweepLabs,
  writeRecord,
} from './lab-record.ts';
import type { LabRecord } from './lab-record.ts';
import { findProcess, isRunning } from './process.ts';

const gone = { pid: process.pid, startTicks: 1 };

function record(change: Partial<LabRecord> & { readonly name: string }): LabRecord {
  return {
    release: 'bookworm',
    memoryMib: 6144,
    cpus: 2,
    xenstored: 'oxenstored',
    imageFolder: '/nowhere',
    startedAt: '',
    owner: findProcess(process.pid) ?? null,
    emulator: null,
    connection: null,
    sshPort: null,
    ...change,
  };
}

describe('sweeping', () => {
  const runtimeBefore = process.env['XDG_RUNTIME_DIR'];
  let runtime: string;

  beforeEach(() => {
    runtime = mkdtempSync(path.join(os.tmpdir(), 'xenlab-test-'));
    process.env['XDG_RUNTIME_DIR'] = runtime;
  });
  afterEach(() => {
    rmSync(runtime, { recursive: true });
    if (runtimeBefore === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = runtimeBefore;
  });

  test('only labs whose owner is gone are removed', () => {
    createLabFolder(record({ name: 'mine' }));
    createLabFolder(record({ name: 'nobodys', owner: null }));
    createLabFolder(record({ name: 'orphan', owner: gone }));
    expect(sweepLabs()).toEqual(['orphan']);
    expect(
      readRecords()
        .map((found) => found.record.name)
        .sort(),
    ).toEqual(['mine', 'nobodys']);
  });

  test('a lab that was being made when its maker died is removed too', () => {
    const folder = path.join(runtime, 'xenlab', '.new-x-1');
    mkdirSync(folder, { recursive: true });
    writeRecord(folder, record({ name: 'x', owner: gone }));
    sweepLabs();
    expect(existsSync(folder)).toBe(false);
  });

  test('a process is killed only when its start time is the recorded one', async () => {
    const child = spawn('sleep', ['60']);
    const ended = once(child, 'exit');
    const identity = child.pid === undefined ? undefined : findProcess(child.pid);
    if (identity === undefined) throw new Error('sleep did not start');
    createLabFolder(record({ name: 'a', owner: gone, emulator: { ...identity, startTicks: 1 } }));
    sweepLabs();
    expect(isRunning(identity)).toBe(true);
    createLabFolder(record({ name: 'b', owner: gone, emulator: identity }));
    sweepLabs();
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  test('a name can be taken once, and leaves nothing half made', () => {
    expect(createLabFolder(record({ name: 'once' }))).toBe(labFolder('once'));
    expect(createLabFolder(record({ name: 'once' }))).toBeUndefined();
    expect(readdirSync(path.join(runtime, 'xenlab'))).toEqual(['once']);
  });
});

test('a lab without an owner is no orphan', () => {
  expect(isOrphan({ owner: null }, () => false)).toBe(false);
});
