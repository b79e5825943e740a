import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '@xenops/core/host';
import type { Manager } from '../manager/manager.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { GuestDiagnostics } from './guest-diagnostics.ts';

let around: FakeAround;
let guests: GuestDiagnostics;
let asked: string[];
let onAsked: () => void;
beforeEach(async () => {
  around = await fakeAround();
  asked = [];
  onAsked = () => undefined;
  guests = new GuestDiagnostics({
    ...around,
    host: { services: { clock: systemClock } },
    life: { isRunning: () => true },
    announce: {
      gatherRequest: (mode: string): void => {
        asked.push(mode);
        onAsked();
      },
    },
  } as unknown as Manager);
  await around.database.transact((draft) => {
    draft.inject('/vm/a', '{"type": "svm", "pv-addons-installed": "true"}');
    draft.inject('/vm/b', '{"type": "svm"}');
    draft.write('/xenmgr/xc-diag-timeout', '1');
  });
});
afterEach(async () => around[Symbol.asyncDispose]());

describe('the diagnostics of guests', () => {
  test('are asked for, and end when each guest with drivers has delivered', async () => {
    const isAsked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    const saving = guests.save('all');
    await expect(guests.save('all')).rejects.toMatchObject({ code: 'VM_WRONG_STATE' });
    await isAsked;
    for (const name of ['../x', '.x', '', 'a/b']) {
      await expect(guests.gather(name, '00')).rejects.toMatchObject({ code: 'BAD_VALUE' });
    }
    await expect(guests.gather('x', '0')).rejects.toMatchObject({ code: 'BAD_VALUE' });
    await guests.gather('log.txt', Buffer.from('text').toString('hex'));
    const folder = await saving;
    expect([asked, await readFile(path.join(folder, 'log.txt'), 'utf8')]).toEqual([
      ['all'],
      'text',
    ]);
    expect(path.dirname(folder)).toBe(around.places.run);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await expect(guests.gather('y', '00')).rejects.toMatchObject({
      code: 'NO_DIAGNOSTICS_RUNNING',
    });
  });

  test('end in their time with what is there', async () => {
    const folder = await guests.save('all');
    expect((await stat(folder)).isDirectory()).toBe(true);
  });
});
