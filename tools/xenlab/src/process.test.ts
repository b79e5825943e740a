import { describe, expect, test } from '@jest/globals';
import { collect, findProcess, isRunning, parseProcessStat, runProgram } from './process.ts';

const options = { doing: 'a test', timeoutMs: 10_000 };

describe('the identity of a process', () => {
  const rest = 'S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20';

  test('is read behind a name with parentheses and spaces', () => {
    expect(parseProcessStat(42, `42 (a) (b c) ${rest}`)).toEqual({ pid: 42, startTicks: 777 });
  });

  test('a zombie is not running', () => {
    expect(parseProcessStat(42, `42 (a) ${rest.replace('S', 'Z')}`)).toBeUndefined();
  });

  test('this process runs, and another one that had its number does not', () => {
    const self = findProcess(process.pid);
    expect(self === undefined ? false : isRunning(self)).toBe(true);
    expect(isRunning({ pid: process.pid, startTicks: 1 })).toBe(false);
  });
});

describe('running a program', () => {
  test('its status, output and input pass through', async () => {
    const result = await collect(['sh', '-c', 'cat; echo oops >&2; exit 3'], {
      ...options,
      stdin: 'in',
    });
    expect(result.status).toBe(3);
    expect(result.stdout.toString()).toBe('in');
    expect(result.stderr.toString()).toBe('oops\n');
  });

  test('one that ends by a signal has the status a shell gives it', async () => {
    expect((await collect(['sh', '-c', 'kill -9 $$'], options)).status).toBe(137);
  });

  test('one that takes too long is killed, and the error says what it was for', async () => {
    await expect(collect(['sleep', '60'], { ...options, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'LAB_TIMEOUT',
      message: 'No end of a test after 0.05 s',
    });
  });

  test('an abort ends it', async () => {
    const stop = new AbortController();
    const ended = collect(['sleep', '60'], { ...options, signal: stop.signal });
    stop.abort();
    await expect(ended).rejects.toMatchObject({ code: 'LAB_ABORTED' });
  });

  test('a failure carries the end of the output', async () => {
    await expect(runProgram(['sh', '-c', 'echo why >&2; exit 1'], options)).rejects.toThrow(/why/);
  });

  test('a program that is not there is told by name', async () => {
    await expect(collect(['no-such-program'], options)).rejects.toMatchObject({
      code: 'LAB_HOST_UNSUITABLE',
    });
  });
});
