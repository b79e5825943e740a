import { describe, expect, test } from '@jest/globals';
import { systemClock } from '@xenops/core/host';
import { runTool } from './run-tool.ts';

const uncalled = (timeoutMs = 30_000) => ({
  signal: new AbortController().signal,
  timeoutMs,
  clock: systemClock,
});
const shell = (script: string) => ({ program: '/bin/sh', args: ['-c', script] });

test('a program gets its arguments as they are, and its output comes back', async () => {
  const args = ['%s|', 'a b', '$HOME', '"; rm'];
  expect(await runTool({ program: 'printf', args }, uncalled())).toBe('a b|$HOME|"; rm|');
});

test('the environment has nothing of ours but what is said', async () => {
  process.env['SECRET_OF_OURS'] = 'x';
  const output = await runTool({ program: 'env', args: [], env: { A: 'b' } }, uncalled());
  expect(output).toContain('A=b\n');
  expect(output).not.toContain('SECRET_OF_OURS');
});

describe('a failure says what was run and what it said (D53)', () => {
  test.each([
    ['its status', shell('echo no space >&2; exit 3'), /sh -c .* failed \(status 3\): no space$/],
    ['that it does not exist', { program: 'no-such-tool', args: [] }, /no-such-tool failed/],
  ])('%s', async (_what, call, message) => {
    await expect(runTool(call, uncalled())).rejects.toMatchObject({
      code: 'HOTPLUG_FAILED',
      message: expect.stringMatching(message),
    });
  });
});

test('one that takes too long is ended with all that it has started', async () => {
  const before = performance.now();
  await expect(runTool(shell('sleep 60 & sleep 60'), uncalled(50))).rejects.toMatchObject({
    code: 'TIMEOUT',
  });
  expect(performance.now() - before).toBeLessThan(20_000);
});

test('one that is called off is waited for', async () => {
  const caller = new AbortController();
  const running = runTool(shell('trap "exit 0" TERM; echo up; sleep 60 & wait'), {
    ...uncalled(),
    signal: caller.signal,
  });
  caller.abort();
  await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
});
