import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest } from '@jest/globals';
import { systemClock } from '@xenops/core/host';
import { vmUuid } from '@xenops/core/ids';
import { DISK, type DiskSpec } from '../config/index.ts';
import type { DiskPlaces } from './disk-actions.ts';
import { DiskKeeper } from './disk-keeper.ts';
import { runTool, toolText, type RunTool } from './run-tool.ts';
import { testImages } from './qemu-tools.test-helper.ts';

// Real programs, on a machine that may be busy.
jest.setTimeout(60_000);

const uuid = vmUuid('11111111-2222-3333-4444-555555555555');
const call = () => ({ signal: new AbortController().signal, timeoutMs: 30_000 });
const START = { isRestored: false };
const OVER = { isKept: false };
const KEPT = { isKept: true };
const exec = promisify(execFile);

let folder: string;
let places: DiskPlaces;
/** Calls of programs that are not qemu-img, which alone is real here. */
let calls: string[];
/** A program that fails. */
let broken: string | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'xenvm-disks-'));
  const at = (name: string): string => path.join(folder, name);
  places = {
    stateFolder: at('state'),
    keyFolder: at('keys'),
    mapperFolder: at('mapper'),
    sysBlockFolder: at('block'),
    procFolder: at('proc'),
  };
  for (const name of ['mapper', 'block/nbd0', 'block/nbd1', 'block/sda'])
    await mkdir(at(name), { recursive: true });
  await writeFile(at('block/nbd0/pid'), '77\n');
  calls = [];
  broken = undefined;
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** qemu-img, on a folder that stands for the device mapper's; the others do as much as can be seen of them. */
const run: RunTool = async (tool, options) => {
  const { program, args } = tool;
  if (program === broken) throw new Error(`${program} fails`);
  if (program === 'qemu-img') {
    const own = args.map((arg) => arg.replace('/dev/mapper/', `${places.mapperFolder}/`));
    return runTool({ ...tool, args: own }, options);
  }
  calls.push(toolText(tool).replaceAll(folder, '').replaceAll(uuid, 'U'));
  const mapping = path.join(places.mapperFolder, args.at(-1) ?? '');
  if (program === 'cryptsetup' && args[0] === 'open') await writeFile(mapping, '');
  if (program === 'cryptsetup' && args[0] === 'close') await rm(mapping);
  if (program === 'qemu-nbd') await serve(args);
  return program === 'tap-ctl' ? '/dev/xen/blktap-2/tapdev3\n' : '';
};

/** Processes behind block devices, as the kernel tells of them. */
async function serve(args: readonly string[]): Promise<void> {
  const device = (args[0] === '--disconnect' ? args[1] : args[0]) ?? '';
  const pid = path.join(places.sysBlockFolder, path.basename(device), 'pid');
  if (args[0] === '--disconnect') {
    await rm(pid);
    return;
  }
  await mkdir(path.join(places.procFolder, '4242'), { recursive: true });
  await writeFile(
    path.join(places.procFolder, '4242/cmdline'),
    ['qemu-nbd', ...args, ''].join('\0'),
  );
  await writeFile(pid, '4242\n');
}
const servedDevices = async (): Promise<readonly string[]> => {
  const names = await readdir(places.sysBlockFolder);
  const found = await Promise.all(
    names.map(async (name) =>
      (await readdir(path.join(places.sysBlockFolder, name))).includes('pid'),
    ),
  );
  return names.filter((_, index) => found[index]);
};

function keeper(bootId = 'one'): DiskKeeper {
  return new DiskKeeper({ run, places, clock: systemClock, bootId: async () => bootId });
}

async function qemu(...args: readonly string[]): Promise<string> {
  return (await exec('qemu-img', [...args])).stdout;
}
/** Writes one byte, 64 KiB in. */
async function change(image: string, byte: number): Promise<void> {
  await exec('qemu-io', ['-f', 'qcow2', '-c', `write -P ${byte} 64k 4k`, image]);
}
/** Whether that byte is there. */
async function has(image: string, byte: number): Promise<boolean> {
  const command = ['-r', '-f', 'qcow2', '-c', `read -P ${byte} 64k 4k`, image];
  const { stdout } = await exec('qemu-io', command);
  return !stdout.includes('Pattern verification failed');
}
async function baseDisk(mode: string, options = ''): Promise<DiskSpec> {
  const image = path.join(folder, 'a.qcow2');
  await qemu('create', '-q', '-f', 'qcow2', image, '1M');
  await change(image, 1);
  return DISK.parse(`${image}:qcow2:xvda:w:disk:${mode}${options}`);
}
const files = async (): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('a.')).toSorted();
const ledger = async (): Promise<readonly string[]> =>
  (await readdir(places.stateFolder).catch(() => [])).toSorted();

async function prepared(disk: DiskSpec, options = START): Promise<DiskSpec> {
  const [ready = disk] = await keeper().prepare(uuid, [disk], { ...options, ...call() });
  return ready;
}

testImages('disks that need nothing are given as they are, and nothing is written', async () => {
  const disk = await baseDisk('none');
  expect(await prepared(disk)).toBe(disk);
  expect(await ledger()).toEqual([]);
});

describe('a temporary disk', () => {
  testImages(
    'forgets the changes of a boot that is over, and its image never has them',
    async () => {
      const disk = await baseDisk('temporary');
      const ready = await prepared(disk);
      expect(ready).toMatchObject({ vdev: 'xvda', type: 'qcow2', snapshot: 'none' });
      await change(ready.target, 2);
      await keeper().release(uuid, { ...OVER, ...call() });
      expect(await files()).toEqual(['a.qcow2']);
      expect(await ledger()).toEqual([]);
      expect(await has((await prepared(disk)).target, 1)).toBe(true);
    },
  );

  testImages('has them still when its guest goes on from an image, once', async () => {
    const disk = await baseDisk('temporary');
    await change((await prepared(disk)).target, 2);
    await keeper().release(uuid, { ...KEPT, ...call() });
    const again = await prepared(disk, { isRestored: true });
    expect(await has(again.target, 2)).toBe(true);
    await keeper().markRunning(uuid, call());
    await keeper().release(uuid, { ...OVER, ...call() });
    await expect(prepared(disk, { isRestored: true })).rejects.toMatchObject({
      code: 'DEVICE_FAILED',
    });
  });

  testImages(
    'keeps them through a restore that failed before the guest ran, and through a forced stop',
    async () => {
      const disk = await baseDisk('temporary');
      await change((await prepared(disk)).target, 2);
      await keeper().release(uuid, { ...KEPT, ...call() });
      await prepared(disk, { isRestored: true });
      await keeper().release(uuid, { ...OVER, ...call() });
      expect(await has((await prepared(disk, { isRestored: true })).target, 2)).toBe(true);
    },
  );

  testImages('hibernated twice, it still has everything (D54)', async () => {
    const disk = await baseDisk('temporary');
    for (const byte of [2, 3]) {
      await change((await prepared(disk)).target, byte);
      await keeper().markRunning(uuid, call());
      await keeper().release(uuid, { ...KEPT, ...call() });
    }
    expect(await has((await prepared(disk)).target, 3)).toBe(true);
  });
});

testImages(
  'a coalescing disk collects what each boot changes, above an image that stays',
  async () => {
    const disk = await baseDisk('coalesce');
    await change((await prepared(disk)).target, 2);
    await keeper().release(uuid, { ...OVER, ...call() });
    const second = await prepared(disk);
    expect(await has(second.target, 2)).toBe(true);
    expect(await has(disk.target, 1)).toBe(true);
    const info = JSON.parse(
      await qemu('info', '--output=json', '--backing-chain', second.target),
    ) as unknown[];
    expect(info).toHaveLength(3);
  },
);

describe('an encrypted temporary disk', () => {
  testImages(
    'has a key that nobody else can read, and leaves neither it nor mapping nor file (D52)',
    async () => {
      const disk = await baseDisk('temporary-encrypted');
      const ready = await prepared(disk);
      expect(ready).toMatchObject({
        target: `/dev/mapper/xenvm-${uuid}-xvda-session`,
        type: 'qcow2',
      });
      const [key = ''] = await readdir(places.keyFolder);
      const keyPath = path.join(places.keyFolder, key);
      expect((await stat(keyPath)).mode & 0o777).toBe(0o600);
      expect((await stat(places.keyFolder)).mode & 0o777).toBe(0o700);
      const secret = await readFile(keyPath);
      expect(secret).toHaveLength(64);
      await keeper().release(uuid, { ...OVER, ...call() });
      expect(calls).toEqual([
        'cryptsetup open --type plain --batch-mode --cipher aes-xts-plain64 --key-size 512 --key-file /keys/U-xvda.key /a.U.xvda.snap.tmp.crypt xenvm-U-xvda-session',
        'cryptsetup close xenvm-U-xvda-session',
      ]);
      for (const form of ['hex', 'base64', 'latin1'] as const)
        expect(calls.join(' ')).not.toContain(secret.toString(form));
      expect([await readdir(places.keyFolder), await files(), await ledger()]).toEqual([
        [],
        ['a.qcow2'],
        [],
      ]);
    },
  );

  testImages('that is kept keeps its key too, and is closed', async () => {
    const disk = await baseDisk('temporary-encrypted');
    await prepared(disk);
    await keeper().release(uuid, { ...KEPT, ...call() });
    expect(await readdir(places.keyFolder)).toHaveLength(1);
    expect(await readdir(places.mapperFolder)).toEqual([]);
  });
});

describe('an encrypted disk', () => {
  const crypt = ':key-file=/k';

  testImages(
    'in an image: a free block device, its decrypted view, and back in reverse',
    async () => {
      const ready = await prepared(await baseDisk('none', crypt));
      expect(ready).toMatchObject({ target: `/dev/mapper/xenvm-${uuid}-xvda`, type: 'phy' });
      expect(ready).not.toHaveProperty('crypt');
      await keeper().release(uuid, { ...OVER, ...call() });
      expect(calls).toEqual([
        'qemu-nbd --connect=/dev/nbd1 --fork --format=qcow2 --discard=unmap /a.qcow2',
        'cryptsetup open --type plain --batch-mode --cipher aes-xts-plain --key-size 256 --key-file /k /dev/nbd1 xenvm-U-xvda',
        'cryptsetup close xenvm-U-xvda',
        'qemu-nbd --disconnect /dev/nbd1',
      ]);
    },
  );

  testImages('that cannot be opened leaves no block device behind (D55)', async () => {
    const disk = await baseDisk('temporary', crypt);
    broken = 'cryptsetup';
    await expect(prepared(disk)).rejects.toThrow('cryptsetup fails');
    expect(calls.at(-1)).toBe('qemu-nbd --disconnect /dev/nbd1');
    expect([await files(), await ledger()]).toEqual([['a.qcow2'], []]);
  });

  testImages('by tapdisk: its keys are a folder in the environment', async () => {
    const disk = DISK.parse('/d/a.vhd:vhd:xvda:r:disk::key-dir=/keys');
    expect(await prepared(disk)).toMatchObject({
      target: '/dev/xen/blktap-2/tapdev3',
      type: 'phy',
    });
    await keeper().release(uuid, { ...OVER, ...call() });
    expect(calls).toEqual([
      'tap-ctl create -R -a vhd:/d/a.vhd',
      'tap-ctl destroy -d /dev/xen/blktap-2/tapdev3',
    ]);
  });
});

testImages('what cannot be given back stays on record, for the next attempt', async () => {
  await prepared(await baseDisk('none', ':key-file=/k'));
  broken = 'cryptsetup';
  await expect(keeper().release(uuid, { ...OVER, ...call() })).rejects.toMatchObject({
    code: 'DOMAIN_LEFTOVERS',
  });
  broken = undefined;
  await keeper().release(uuid, { ...OVER, ...call() });
  expect([await readdir(places.mapperFolder), await ledger()]).toEqual([[], []]);
});

testImages("block devices of an earlier boot of the host are somebody else's by now", async () => {
  const disk = await baseDisk('temporary', ':key-file=/k');
  await prepared(disk);
  calls = [];
  await rm(path.join(places.mapperFolder, `xenvm-${uuid}-xvda`));
  await keeper('two').release(uuid, { ...OVER, ...call() });
  expect([calls, await files(), await ledger()]).toEqual([[], ['a.qcow2'], []]);
});

testImages('a disk that leaves the guest gives back what is its own', async () => {
  const disk = await baseDisk('temporary');
  await keeper().prepare(uuid, [disk, { ...disk, vdev: 'xvdb' }], { ...START, ...call() });
  await keeper().release(uuid, { ...OVER, vdev: 'xvdb', ...call() });
  expect(await files()).toEqual([`a.${uuid}.xvda.snap.tmp.qcow2`, 'a.qcow2']);
});

testImages(
  'a disk that cannot join a running guest costs it none of those that it has',
  async () => {
    const disk = await baseDisk('temporary');
    const ready = await prepared(disk);
    await change(ready.target, 2);
    broken = 'cryptsetup';
    const other = DISK.parse('/dev/vg/b:phy:xvdb:w:disk::key-file=/k');
    await expect(prepared(other)).rejects.toThrow('cryptsetup fails');
    expect(await has(ready.target, 2)).toBe(true);
  },
);

testImages('two VMs that look for a block device at once get one each', async () => {
  await mkdir(path.join(places.sysBlockFolder, 'nbd2'));
  const disk = await baseDisk('none', ':key-file=/k');
  const other = vmUuid('22222222-2222-3333-4444-555555555555');
  const both = keeper();
  await Promise.all([uuid, other].map((vm) => both.prepare(vm, [disk], { ...START, ...call() })));
  expect((await servedDevices()).toSorted()).toEqual(['nbd0', 'nbd1', 'nbd2']);
});

testImages('a failed snapshot script is remembered until its author has been at it', async () => {
  const disk = (mode: string): DiskSpec => DISK.parse(`/d/a.vhd:vhd:xvda:w:disk:${mode}`);
  broken = '/usr/sbin/prepare-system-snapshot';
  await expect(prepared(disk('scripted'))).rejects.toThrow('fails');
  broken = undefined;
  await prepared(disk('scripted-author'));
  await prepared(disk('scripted-author'));
  expect(calls.map((told) => told.includes('--recovery'))).toEqual([true, false]);
});

describe('killed at any call of a program, before it or after', () => {
  /** Runs `count` calls, and never comes back from the next. */
  function dyingKeeper(
    count: number,
    isDone: boolean,
  ): { keeper: DiskKeeper; dead: Promise<void> } {
    let left = count;
    let die: () => void = () => undefined;
    const dead = new Promise<void>((resolve) => {
      die = resolve;
    });
    const dying: RunTool = async (tool, options) => {
      left -= 1;
      if (left >= 0) return run(tool, options);
      if (isDone) await run(tool, options);
      die();
      return new Promise(() => undefined);
    };
    const bootId = async (): Promise<string> => 'one';
    return { keeper: new DiskKeeper({ run: dying, places, clock: systemClock, bootId }), dead };
  }

  testImages.each([
    ['temporary', '', 1],
    ['temporary-encrypted', '', 4],
    ['temporary', ':key-file=/k', 3],
    ['coalesce', '', 2],
  ])(
    'a disk of mode %s%s is made ready by the next monitor, and leaves nothing',
    async (mode, options, callCount) => {
      for (let at = 0; at < callCount; at += 1) {
        for (const isDone of [false, true]) {
          const disk = await baseDisk(mode, options);
          const { keeper: dying, dead } = dyingKeeper(at, isDone);
          const work = dying.prepare(uuid, [disk], { ...START, ...call() });
          await Promise.race([dead, work]);
          const ready = await prepared(disk);
          if (ready.target.endsWith('.snap.tmp.qcow2'))
            expect(await has(ready.target, 1)).toBe(true);
          await keeper().release(uuid, { ...OVER, ...call() });
          expect(await readdir(places.mapperFolder)).toEqual([]);
          expect(await servedDevices()).toEqual(['nbd0']);
          if (mode !== 'coalesce')
            expect([await files(), await ledger()]).toEqual([['a.qcow2'], []]);
          for (const name of await files()) await rm(path.join(folder, name));
          await rm(places.stateFolder, { recursive: true, force: true });
        }
      }
    },
  );

  testImages('collecting what a boot changed loses nothing of it', async () => {
    for (const [at, isDone] of [
      [0, false],
      [0, true],
      [1, false],
      [1, true],
    ] as const) {
      const disk = await baseDisk('coalesce');
      await change((await prepared(disk)).target, 2);
      await keeper().release(uuid, { ...OVER, ...call() });
      const { keeper: dying, dead } = dyingKeeper(at, isDone);
      await Promise.race([dead, dying.prepare(uuid, [disk], { ...START, ...call() })]);
      expect(await has((await prepared(disk)).target, 2)).toBe(true);
      for (const name of await files()) await rm(path.join(folder, name));
      await rm(places.stateFolder, { recursive: true, force: true });
    }
  });
});
