import { expect, test } from '@jest/globals';
import { ManagerError } from '../manager/manager-error.ts';
import { Operations } from './operations.ts';

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')));
  });
const CALLED_OFF = expect.objectContaining({ code: 'VM_NOT_READY' });

test('operations run one after the other, whatever becomes of them', async () => {
  const operations = new Operations('U');
  const done: string[] = [];
  const act = (name: string) => async (): Promise<string> => {
    await Promise.resolve();
    done.push(name);
    if (name === 'b') throw new ManagerError('IO', { message: 'b failed' });
    return name;
  };
  const all = await Promise.allSettled(
    ['a', 'b', 'c'].map((name) => operations.run(name, act(name))),
  );
  expect(done).toEqual(['a', 'b', 'c']);
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(operations.names).toEqual([]);
});

test('a forced stop calls off what is under way and what waits, and comes next', async () => {
  const operations = new Operations('U');
  const first = operations.run('start', untilAborted);
  const second = operations.run('reboot', async () => 'never');
  const failures = Promise.all([
    expect(first).rejects.toEqual(CALLED_OFF),
    expect(second).rejects.toEqual(CALLED_OFF),
  ]);
  await expect(operations.run('destroy', async () => 'gone', { overtakes: true })).resolves.toBe(
    'gone',
  );
  await failures;
});

test('the reason of whoever calls an operation off is what it fails with', async () => {
  const operations = new Operations('U');
  const caller = new AbortController();
  const running = operations.run('shutdown', untilAborted, { signal: caller.signal });
  const reason = new ManagerError('SHUTDOWN_TIMEOUT', { message: 'too late' });
  caller.abort(reason);
  await expect(running).rejects.toBe(reason);
});

test('so many may wait', async () => {
  const operations = new Operations('U');
  const all = Array.from({ length: 33 }, () => operations.run('x', async () => undefined));
  const ends = await Promise.allSettled(all);
  expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(1);
});
