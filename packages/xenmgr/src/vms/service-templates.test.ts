import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { injectServiceVms } from './service-templates.ts';

const UUID = '00000000-0000-0000-0000-000000000001';

let around: FakeAround;
beforeEach(async () => {
  around = await fakeAround();
  await mkdir(around.places.templates, { recursive: true });
  await template(
    'service-uivm',
    JSON.stringify({ uuid: UUID, name: 'Template', config: { disk: { 0: { type: 'vhd' } } } }),
  );
});
afterEach(async () => around[Symbol.asyncDispose]());

const template = (name: string, text: string): Promise<void> =>
  writeFile(path.join(around.places.templates, `${name}.json`), text);
const name = (): string | undefined => around.database.view().read(`/vm/${UUID}/name`);

describe('a service VM', () => {
  test('is made of its template once, and what somebody changes stays', async () => {
    await injectServiceVms(around);
    expect(name()).toBe('Template');
    await around.database.transact((draft) => draft.write(`/vm/${UUID}/name`, 'Mine'));
    await injectServiceVms(around);
    expect(name()).toBe('Mine');
  });

  test('is made anew where that is asked for, but for what was learnt of its disks', async () => {
    await injectServiceVms(around);
    const sum = `/vm/${UUID}/config/disk/0/sha256sum`;
    await around.database.transact((draft) => {
      draft.write(`/vm/${UUID}/name`, 'Mine');
      draft.write(sum, 'abc');
      draft.write('/xenmgr/overwrite-uivm-settings', 'true');
    });
    await injectServiceVms(around);
    expect([name(), around.database.view().read(sum)]).toEqual(['Template', 'abc']);
  });

  test('whose template is damaged is left out, and the others are there', async () => {
    await template('service-broken', '{');
    await injectServiceVms(around);
    expect(name()).toBe('Template');
    expect(around.lines.join()).toContain('service-broken');
  });
});
