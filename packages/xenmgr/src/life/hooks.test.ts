import { describe, expect, test } from '@jest/globals';
import { ManagerError } from '../manager/manager-error.ts';
import { keptLog } from './life-fakes.test-helper.ts';
import { parseHook, runHookText } from './hooks.ts';

const OPTIONS = { timeoutMs: 1000 };

function runner(fail: (program: string) => boolean = () => false) {
  const runs: string[] = [];
  const calls: unknown[] = [];
  const log: string[] = [];
  return {
    runs,
    calls,
    log,
    run: async (program: string, args: readonly string[]) => {
      runs.push([program, ...args].join(' '));
      if (fail(program)) throw new ManagerError('IO', { message: 'no' });
      return 'done\n';
    },
    bus: {
      call: async (...call: readonly unknown[]) => {
        calls.push(call);
        return [];
      },
    },
  };
}

const hookRunner = (made: ReturnType<typeof runner>) => ({ ...made, log: keptLog(made.log) });

describe('a hook', () => {
  test('runs its items in order, each with the arguments of the event, and no shell', async () => {
    const made = runner();
    await runHookText(hookRunner(made), '/bin/a; /bin/b $(x) ;', ['U', 'running'], OPTIONS);
    expect(made.runs).toEqual(['/bin/a U running', '/bin/b $(x) U running']);
    expect(made.log.join()).toContain('/bin/a says: done');
  });

  test('stops at the first item that fails', async () => {
    const made = runner((program) => program === '/bin/a');
    const running = runHookText(hookRunner(made), '/bin/a;/bin/b', ['U'], OPTIONS);
    await expect(running).rejects.toMatchObject({ code: 'IO' });
    expect(made.runs).toHaveLength(1);
  });

  test('makes D-Bus calls with texts', async () => {
    const made = runner();
    const hook = 'rpc:destination = "a.b", interface=c.d,member=e,objpath=/f';
    await runHookText(hookRunner(made), hook, ['U', 'x'], OPTIONS);
    expect(made.calls[0]).toMatchObject([
      { destination: 'a.b', interface: 'c.d', member: 'e', path: '/f', input: 'ss' },
      ['U', 'x'],
      OPTIONS,
    ]);
  });

  test('that calls into a guest is refused in words', async () => {
    const hook = 'rpc:vm=V,destination=a.b,interface=c.d,member=e';
    const running = runHookText(hookRunner(runner()), hook, [], OPTIONS);
    await expect(running).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining('no transport'),
    });
  });
});

test.each([['bin/a'], ['rpc:destination=a'], ['rpc:'], ['/bin/a\nb'], ['reboot']])(
  'the hook %j makes no sense, and is not left out without a word',
  (text) => {
    expect(() => parseHook(text)).toThrow(expect.objectContaining({ code: 'BAD_VALUE' }));
  },
);

test('no hook is fine', () => {
  expect(parseHook(' ; ')).toEqual([]);
});
