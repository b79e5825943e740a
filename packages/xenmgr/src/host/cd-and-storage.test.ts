import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Manager } from '../manager/manager.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { MACHINE, makeMachine } from '../testing/machine.test-helper.ts';
import { LowSpace, watchStorage } from '../service/watch-storage.ts';
import { cdDrives, cdOwner, checkedDrive, ejectCd } from './cd-drives.ts';
import { gpus } from './gpus.ts';
import { PciNames } from './pci-devices.ts';
import { soundControls, writeControl } from './sound.ts';

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

describe('a CD drive', () => {
  test('is one that the kernel lists', async () => {
    expect(await cdDrives(around.places)).toEqual([
      { id: MACHINE.cdDrive, name: 'MATSHITA DVD-RAM UJ8C0' },
    ]);
    await expect(checkedDrive(around.places, '0:0:0:0; rm')).rejects.toMatchObject({
      code: 'BAD_VALUE',
    });
  });

  test('is opened by its device, without a shell', async () => {
    around.programs.play('eject', () => '');
    await ejectCd(around as unknown as Manager, MACHINE.cdDrive);
    expect(around.programs.runs.map(({ args }) => args)).toEqual([['/dev/sr0']]);
  });

  test('belongs to the VM it stays with, else to the one that has locked it', async () => {
    const domids = new Map([['b', 4]]);
    const manager = {
      ...around,
      host: { store: { find: async (node: string) => around.nodes.get(node) } },
      life: { domid: (uuid: string) => domids.get(uuid) ?? -1 },
    } as unknown as Manager;
    await around.database.transact((draft) => {
      for (const uuid of ['a', 'b']) draft.write(`/vm/${uuid}/name`, uuid);
    });
    expect(await cdOwner(manager, MACHINE.cdDrive)).toEqual({ isSticky: false, uuid: '' });
    around.nodes.set('/local/domain/4/bsgdev/1_0_0_0/lock', '1');
    expect(await cdOwner(manager, MACHINE.cdDrive)).toEqual({ isSticky: false, uuid: 'b' });
    await around.database.transact((draft) => draft.write('/xenmgr/cdassign/1_0_0_0', 'a'));
    expect(await cdOwner(manager, MACHINE.cdDrive)).toEqual({ isSticky: true, uuid: 'a' });
  });
});

describe('the cards', () => {
  test('are named without quotes, the boot card first', async () => {
    const found = await gpus(around);
    expect(found.map(({ address }) => address)).toEqual([MACHINE.gpu, MACHINE.secondGpu]);
    const names = new PciNames(around.places);
    const [boot, other] = await Promise.all(found.map(async (gpu) => names.nameOf(gpu)));
    expect([boot, other]).toEqual(['Intel Corporation 3rd Gen Core Graphics', '0x10de:0x0dfc']);
  });
});

describe('the mixer', () => {
  test('gets words that no program takes for an option', async () => {
    around.programs.play('/usr/lib/xen/bin/audio_helper', () => '');
    await writeControl(around, { card: '0', control: 'Master', value: '70% on' });
    expect(around.programs.linesOf('/usr/lib/xen/bin/audio_helper')).toEqual([
      '-c 0 sset Master 70% on',
    ]);
    await expect(soundControls(around, '--help')).rejects.toMatchObject({ code: 'BAD_VALUE' });
    await expect(
      writeControl(around, { card: '0', control: '-D', value: '1' }),
    ).rejects.toMatchObject({ code: 'BAD_VALUE' });
  });
});

describe('the watch on the storage', () => {
  test('warns when it gets low, and again only after it was well above', () => {
    const space = new LowSpace();
    const percents = [50, 5, 4, 6, 5, 7, 5];
    expect(percents.filter((percent) => space.isWarning(percent))).toEqual([5, 5]);
    expect(percents.map((percent) => new LowSpace().isWarning(percent))).toEqual([
      ...[false, true, true, false, true, false, true],
    ]);
  });

  test('looks now and again, and no more once it is disposed', async () => {
    const timers: (() => void)[] = [];
    let isDropped = false;
    const startTimer = (_delayMs: number, fire: () => void): Disposable => {
      timers.push(fire);
      return { [Symbol.dispose]: () => void (isDropped = true) };
    };
    const told: number[] = [];
    const watch = watchStorage({
      ...around,
      host: { services: { clock: { startTimer } } },
      announce: { storageSpaceLow: (percent: number) => void told.push(percent) },
    } as unknown as Manager);
    while (timers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    watch[Symbol.dispose]();
    expect([isDropped, timers.length]).toEqual([true, 1]);
  });
});
