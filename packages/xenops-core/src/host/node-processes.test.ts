import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  exitStatusOf,
  killUser,
  processEnd,
  readLog,
  signalProcess,
  startProcess,
} from './node-processes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'xenops-core-'));
});
afterEach(() => rm(folder, { recursive: true }));

const shell = (script: string, rotateBytes = 1000): Parameters<typeof startProcess>[0] => ({
  path: '/bin/sh',
  args: ['-c', script],
  env: { GREETING: 'hello' },
  log: { path: path.join(folder, 'log'), rotateBytes },
});

describe('a started program', () => {
  test('writes both outputs to its log, which is private', async () => {
    const { exited } = await startProcess(shell('echo $GREETING; echo oops >&2; exit 3'));
    expect(await exited).toBe(3);
    expect(await readFile(path.join(folder, 'log'), 'utf8')).toBe('hello\noops\n');
    expect((await stat(path.join(folder, 'log'))).mode & 0o777).toBe(0o600);
  });

  test('finds its inputs at their descriptors', async () => {
    await writeFile(path.join(folder, 'state'), 'saved');
    const spec = { ...shell('cat <&3'), inputs: { 3: path.join(folder, 'state') } };
    const { exited } = await startProcess(spec);
    expect(await exited).toBe(0);
    expect(await readLog(path.join(folder, 'log'))).toBe('saved');
  });

  test('finds its updates open to be written, in place', async () => {
    await writeFile(path.join(folder, 'disk'), 'old disk');
    const spec = { ...shell('printf new >&4'), updates: { 4: path.join(folder, 'disk') } };
    const { exited } = await startProcess(spec);
    expect(await exited).toBe(0);
    expect(await readFile(path.join(folder, 'disk'), 'utf8')).toBe('new disk');
  });

  test('puts a large log aside', async () => {
    await writeFile(path.join(folder, 'log'), 'x'.repeat(11));
    await (
      await startProcess(shell('echo new', 10))
    ).exited;
    expect(await readFile(path.join(folder, 'log.1'), 'utf8')).toBe('x'.repeat(11));
    expect(await readFile(path.join(folder, 'log'), 'utf8')).toBe('new\n');
  });

  test('does not write through a link in the place of its log', async () => {
    await symlink(path.join(folder, 'other'), path.join(folder, 'log'));
    await expect(startProcess(shell('echo x'))).rejects.toMatchObject({ code: 'ELOOP' });
  });

  test('that is not there is an error', async () => {
    const spec = { ...shell(''), path: path.join(folder, 'none') };
    await expect(startProcess(spec)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('ends when it is asked to, which is seen', async () => {
    const { identity, exited } = await startProcess(shell('exec sleep 1000'));
    expect(await signalProcess(identity, 'SIGTERM')).toBe(true);
    expect(await exited).toBe(-1);
    await processEnd(identity, AbortSignal.timeout(10_000));
    expect(await signalProcess(identity, 'SIGKILL')).toBe(false);
  });

  test('is waited for no longer than the signal allows', async () => {
    const { identity, exited } = await startProcess(shell('exec sleep 1000'));
    await expect(processEnd(identity, AbortSignal.abort(new Error('enough')))).rejects.toThrow(
      'enough',
    );
    await signalProcess(identity, 'SIGKILL');
    await exited;
  });
});

test('another process with the same pid gets no signal', async () => {
  const { identity, exited } = await startProcess(shell('exec sleep 1000'));
  expect(await signalProcess({ ...identity, startTicks: '1' }, 'SIGKILL')).toBe(false);
  await signalProcess(identity, 'SIGKILL');
  await exited;
});

test('a log that is not there is empty, and of a long one the end is shown without control characters', async () => {
  expect(await readLog(path.join(folder, 'none'))).toBe('');
  await writeFile(path.join(folder, 'log'), `${'x'.repeat(5000)}\u001b[31mred`);
  expect(await readLog(path.join(folder, 'log'))).toHaveLength(259);
});

test('a program that has an end tells its status', async () => {
  expect(await exitStatusOf('/bin/sh', ['-c', 'exit 3'])).toBe(3);
  expect(await exitStatusOf('/bin/sh', ['-c', 'kill -9 $$'])).toBe(-1);
  await expect(exitStatusOf('/bin/none', [])).rejects.toMatchObject({ code: 'ENOENT' });
});

const testAsRoot = process.getuid?.() === 0 ? test : test.skip;

testAsRoot('a user whose processes kill whoever comes to kill them is killed', async () => {
  const user = { uid: 1_999_999_999, gid: 1_999_999_999 };
  const hostile = spawn('/bin/sh', ['-c', 'echo; while :; do kill -KILL -1; done'], {
    ...{ ...user, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] },
    ...{ timeout: 10_000, killSignal: 'SIGKILL' },
  });
  const ended = once(hostile, 'exit');
  await once(hostile.stdout, 'data');
  await killUser(user);
  expect(await ended).toEqual([null, 'SIGKILL']);
});

test.each([0, 99, -1, Number.NaN])(
  "the processes of the system's own user %s are not killed",
  async (id) => {
    await expect(killUser({ uid: id, gid: 1000 })).rejects.toThrow(RangeError);
    await expect(killUser({ uid: 1000, gid: id })).rejects.toThrow(RangeError);
  },
);
