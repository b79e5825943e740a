import { describe, expect, test } from '@jest/globals';
import { runProgram } from './programs.ts';

describe('a program', () => {
  test('is run without a shell, with its words as they are and nothing of ours in its environment', async () => {
    const words = ['$(id)', '; rm -rf /', '*'];
    const text = await runProgram('/usr/bin/printf', ['%s\n', ...words]);
    expect(text.split('\n')).toEqual([...words, '']);
    const names = (await runProgram('/usr/bin/env', [], { env: { OWN: '1' } }))
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names.filter((name) => name !== '').sort()).toEqual(['LC_ALL', 'OWN', 'PATH']);
  });

  test('gets secrets as its input', async () => {
    expect(await runProgram('/bin/cat', [], { input: 'secret' })).toBe('secret');
  });

  test('that fails is quoted, that is missing is named, and that hangs is killed', async () => {
    await expect(runProgram('/bin/ls', ['/no/such/file'])).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining('/no/such/file'),
    });
    await expect(runProgram('no-such-program', [])).rejects.toMatchObject({
      message: 'no-such-program is not installed',
      context: { status: 'ENOENT' },
    });
    await expect(runProgram('/bin/sleep', ['60'], { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'IO',
    });
  });
});
