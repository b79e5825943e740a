import { expect, test } from '@jest/globals';
import { Callers } from './callers.ts';

const credentials = (uid: number): readonly unknown[] => [
  new Map([
    ['UnixUserID', { signature: 'u', value: uid }],
    ['ProcessID', { signature: 'u', value: 42 }],
    ['LinuxSecurityLabel', { signature: 'ay', value: new Uint8Array([1]) }],
  ]),
];

test('the bus is asked once for each caller, again after a failure, and after another bus took over', async () => {
  const asked: unknown[] = [];
  let isGone = false;
  const callers = new Callers((method, args) => {
    asked.push([method, ...args]);
    return isGone ? Promise.reject(new Error('gone')) : Promise.resolve(credentials(7));
  });
  const both = [callers.get(':1.1'), callers.get(':1.1')];
  expect(await Promise.all(both)).toEqual([
    { uid: 7, pid: 42 },
    { uid: 7, pid: 42 },
  ]);
  expect(asked).toEqual([['GetConnectionCredentials', ':1.1']]);
  isGone = true;
  await expect(callers.get(':1.2')).rejects.toThrow('gone');
  isGone = false;
  expect(await callers.get(':1.2')).toEqual({ uid: 7, pid: 42 });
  callers.clear();
  await callers.get(':1.1');
  expect(asked).toHaveLength(4);
});

test('a caller without a user is refused, one without a process is not', async () => {
  const answer = (map: ReadonlyMap<string, unknown>): Callers =>
    new Callers(() => Promise.resolve([map]));
  const user = new Map([['UnixUserID', { signature: 'u', value: 0 }]]);
  expect(await answer(user).get(':1.1')).toEqual({ uid: 0, pid: undefined });
  await expect(answer(new Map()).get(':1.1')).rejects.toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.AccessDenied',
  });
});
