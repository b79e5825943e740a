/** Which files a VM can have read or removed. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { removeDisk, createVhd } from '../disks/disks.ts';
import type { Manager } from '../manager/manager.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { makeMachine } from '../testing/machine.test-helper.ts';
import { deleteVm } from './delete-vm.ts';
import { readIcon } from './icon.ts';

let around: FakeAround;
beforeEach(async () => {
  around = await fakeAround();
  const { places } = around;
  around = {
    ...around,
    places: { ...places, proc: `${places.root}/proc`, sys: `${places.root}/sys` },
  };
  await makeMachine(around.places);
});
afterEach(async () => around[Symbol.asyncDispose]());

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

describe('an icon', () => {
  test('is read from the folder of icons', async () => {
    expect(Buffer.from(await readIcon(around.places.icons, 'images/vm.png')).toString()).toBe(
      'PNG',
    );
  });

  test.each(['../../../etc/passwd', 'images/elsewhere.png', 'images/none.png', '', 'images'])(
    '%j is none: links and climbing lead nowhere',
    async (name) => {
      await expect(readIcon(around.places.icons, name)).rejects.toMatchObject({ code: 'IO' });
    },
  );
});

describe('the images of a VM that is deleted', () => {
  test('go with what was made of them and their keys, but none that is shared, used, or not ours', async () => {
    const { disks, config } = around.places;
    const names = ['own', 'shared', 'used'].map((name) => path.join(disks, `${name}.vhd`));
    const outside = path.join(around.places.storage, 'outside.vhd');
    const [own = '', shared = '', used = ''] = names;
    const key = path.join(config, 'platform-crypto-keys', 'own,aes-xts-plain,256.key');
    const derived = [`${own}.snap`, `${own}.hib`, own.replace('.vhd', '.snap.tmp.vhd'), key];
    await mkdir(path.dirname(key), { recursive: true });
    for (const file of [...names, outside, ...derived]) await writeFile(file, '');
    const disk = (file: string, more = {}): unknown => ({ path: file, type: 'vhd', ...more });
    const listed = {
      0: disk(own),
      1: disk(shared, { shared: 'true' }),
      2: disk(used),
      3: disk(outside),
    };
    await around.database.transact((draft) => {
      draft.inject('/vm/a', JSON.stringify({ name: 'a', config: { disk: listed } }));
      draft.inject('/vm/b', JSON.stringify({ name: 'b', config: { disk: { 0: disk(used) } } }));
    });
    const nothing = async (): Promise<void> => undefined;
    const manager = {
      ...around,
      life: { isRunning: () => false, runHook: nothing, removed: nothing },
      ...{ monitors: { release: nothing }, announce: { vmDeleted: () => undefined } },
    } as unknown as Manager;
    await deleteVm(manager, 'a');
    const left = await Promise.all([own, ...derived, shared, used, outside].map(isThere));
    expect(left).toEqual([false, false, false, false, false, true, true, true]);
    await removeDisk(manager, { uuid: 'b', id: 0 });
    expect(await isThere(used)).toBe(false);
  });
});

describe('a new image', () => {
  test('has a size, and leaves nothing when it cannot be made', async () => {
    await expect(createVhd(around, 0)).rejects.toMatchObject({ code: 'BAD_VALUE' });
    await expect(createVhd(around, 3_000_000)).rejects.toMatchObject({ code: 'BAD_VALUE' });
    let made = '';
    around.programs.play('qemu-img', async ({ args }) => {
      made = args.find((word) => word.endsWith('.vhd')) ?? '';
      await writeFile(made, '');
      throw new Error('no room');
    });
    await expect(createVhd(around, 10)).rejects.toThrow('no room');
    expect(await isThere(made)).toBe(false);
  });
});
