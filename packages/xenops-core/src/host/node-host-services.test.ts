import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nodeHostServices as services } from './node-host-services.ts';

describe('isAlive', () => {
  test('is true for this very process', async () => {
    const own = await services.ownProcess();
    expect(own).toEqual({ pid: process.pid, startTicks: expect.stringMatching(/^[1-9][0-9]*$/) });
    expect(await services.isAlive(own)).toBe(true);
  });

  test('is false for another process that has the pid now', async () => {
    const { pid, startTicks } = await services.ownProcess();
    expect(await services.isAlive({ pid, startTicks: String(Number(startTicks) - 1) })).toBe(false);
    expect(await services.isAlive({ pid, startTicks: '' })).toBe(false);
  });

  test('is false for a process that has ended', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(await services.isAlive({ pid: child.pid ?? 0, startTicks: '1' })).toBe(false);
  });

  // The shell becomes cat, which collects no children; its child ends after that, and so stays in the table of processes.
  test('is false for what remains of a process whose parent has not collected it', async () => {
    const child = 'until [ "$(cat /proc/$$/comm)" = cat ]; do :; done';
    const shell = spawn('/bin/sh', ['-c', `(${child}) & echo $!; exec cat`], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const [output] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(output.toString());
    await endOf(pid);
    expect(await services.isAlive({ pid, startTicks: await startTicksOf(pid) })).toBe(false);
    shell.stdin.end();
    await once(shell, 'exit');
  });
});

async function statOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
}

const startTicksOf = async (pid: number): Promise<string> => (await statOf(pid))[21] ?? '';

/** Resolves once the process is a zombie, which it tells nobody but its parent. */
async function endOf(pid: number): Promise<void> {
  while ((await statOf(pid))[2] !== 'Z') await new Promise((resolve) => void setImmediate(resolve));
}

describe('files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'xenops-core-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('of a folder are listed, and of one that is not there none', async () => {
    await writeFile(path.join(folder, 'a'), '');
    expect(await services.listFolder(folder)).toEqual(['a']);
    expect(await services.listFolder(path.join(folder, 'gone'))).toEqual([]);
  });

  test('that are no folder cannot be listed', async () => {
    const file = path.join(folder, 'a');
    await writeFile(file, '');
    await expect(services.listFolder(file)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  test('of its own let a user of the system pass through its folder, whatever mask this process has', async () => {
    const own = path.join(folder, 'own');
    const mask = process.umask(0o077);
    try {
      await services.makeFolder(own);
    } finally {
      process.umask(mask);
    }
    expect((await stat(own)).mode & 0o777).toBe(0o711);
  });

  test('are removed, also when they are gone already', async () => {
    const file = path.join(folder, 'a');
    await writeFile(file, '');
    await services.removeFile(file);
    await services.removeFile(file);
    expect(await readdir(folder)).toEqual([]);
  });
});
