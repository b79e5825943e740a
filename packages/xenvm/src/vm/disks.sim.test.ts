import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest } from '@jest/globals';
import type { Domid } from '@xenops/core/ids';
import { SimBench, UUID, type Monitor } from './sim-host.test-helper.ts';
import { testImages } from '../disks/qemu-tools.test-helper.ts';

// Many whole operations and real programs, on a machine that may be busy.
jest.setTimeout(60_000);

const exec = promisify(execFile);
let bench: SimBench;
beforeEach(async () => {
  bench = await SimBench.open();
  await exec('qemu-img', ['create', '-q', '-f', 'qcow2', bench.path('a.qcow2'), '1M']);
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const SESSION = `a.${UUID}.xvda.snap.tmp.qcow2`;
const COLLECTED = `a.${UUID}.xvda.snap.qcow2`;
const disk = (mode: string, line = 'disk'): string =>
  `${line}=${bench.path('a.qcow2')}:qcow2:xvda:w:disk:${mode}`;
/** Images, and what is noted about them. */
const files = async (): Promise<readonly string[]> =>
  (await readdir(bench.folder)).filter((name) => /^(a|disks)[.-]/.test(name)).toSorted();
const write = (name: string, byte: number): Promise<unknown> =>
  exec('qemu-io', ['-f', 'qcow2', '-c', `write -P ${byte} 0 4k`, bench.path(name)]);
const reads = async (name: string, byte: number): Promise<boolean> => {
  const { stdout } = await exec('qemu-io', ['-r', '-c', `read -P ${byte} 0 4k`, bench.path(name)]);
  return !stdout.includes('failed');
};
const served = async (monitor: Monitor): Promise<string | undefined> => {
  const domid = Number(await monitor.task('get-domid')) as Domid;
  return bench.host.store.find(`/local/domain/0/backend/qdisk/${domid}/51712/params`);
};

describe('a temporary disk', () => {
  testImages('is a layer while the guest is there, and nothing afterwards', async () => {
    await using monitor = await bench.monitor(disk('temporary'));
    await monitor.task('start');
    expect(await served(monitor)).toBe(`qcow2:${bench.path(SESSION)}`);
    await monitor.task('halt');
    expect(await files()).toEqual(['a.qcow2']);
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  testImages('goes with a guest that is suspended, and comes back with it (D47)', async () => {
    await using monitor = await bench.monitor(disk('temporary'));
    await monitor.task('start');
    await write(SESSION, 7);
    await monitor.task('suspend', { file: bench.path('image') });
    await monitor.task('destroy');
    await monitor.task('restore', { file: bench.path('image'), delete: 'false' });
    expect(await reads(SESSION, 7)).toBe(true);
    await monitor.task('halt');
    expect(await files()).toEqual(['a.qcow2']);
    // The disk of that image has run on, and is gone.
    await expect(monitor.task('restore', { file: bench.path('image') })).rejects.toMatchObject({
      code: 'DEVICE_FAILED',
    });
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  testImages('is taken over by a new monitor, which gives it back', async () => {
    await using monitor = await bench.monitor(disk('temporary'));
    await monitor.task('start');
    await monitor[Symbol.asyncDispose]();
    await using successor = await bench.monitor(disk('temporary'));
    await successor.task('halt');
    expect(await files()).toEqual(['a.qcow2']);
  });

  testImages('goes when somebody else destroys the domain', async () => {
    await using monitor = await bench.monitor(disk('temporary'));
    await monitor.task('start');
    const over = monitor.reached('shutdown');
    const [, guest] = await bench.host.hypervisor.listDomains();
    if (guest !== undefined) await bench.host.hypervisor.destroy(guest.domid);
    await over;
    await monitor.task('read-config');
    expect(await files()).toEqual(['a.qcow2']);
  });

  testImages('of a start that fails leaves nothing', async () => {
    await using monitor = await bench.monitor(
      `${disk('temporary')}\ndisk=/dev/missing:phy:xvdb:w:disk:`,
    );
    await expect(monitor.task('start')).rejects.toThrow();
    expect(await files()).toEqual(['a.qcow2']);
    expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
  });

  testImages('that would overwrite what is not ours refuses the start', async () => {
    await exec('qemu-img', ['create', '-q', '-f', 'qcow2', bench.path(SESSION), '1M']);
    await using monitor = await bench.monitor(disk('temporary'));
    await expect(monitor.task('start')).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
    expect(await files()).toEqual([SESSION, 'a.qcow2'].toSorted());
  });

  testImages('comes and goes with a running guest', async () => {
    await using monitor = await bench.monitor();
    await monitor.task('start');
    await monitor.task('device', {
      type: 'disk',
      cmd: 'add',
      extra: [disk('temporary').replace('disk=', '')],
    });
    expect(await files()).toContain(SESSION);
    await monitor.task('disk-del', { device: 'xvda' });
    expect(await files()).toEqual(['a.qcow2']);
    await monitor.task('destroy');
  });
});

testImages(
  'a coalescing disk keeps what each boot changed, and its image as it was (D54)',
  async () => {
    await using monitor = await bench.monitor(disk('coalesce'));
    for (const byte of [1, 2]) {
      await monitor.task('start');
      expect(await reads(SESSION, byte - 1)).toBe(true);
      await write(SESSION, byte);
      await monitor.task('halt');
    }
    expect(await files()).toEqual([COLLECTED, SESSION, 'a.qcow2', `disks-${UUID}.json`].toSorted());
    expect(await reads('a.qcow2', 0)).toBe(true);
  },
);

testImages('a disk without snapshots loses no file beside it (D47)', async () => {
  for (const name of ['a.snap', 'a.hib', 'a.qcow2.snap', 'a.qcow2.hib', 'a.snap.tmp.vhd'])
    await exec('qemu-img', ['create', '-q', '-f', 'raw', bench.path(name), '4k']);
  const before = await files();
  await using monitor = await bench.monitor(disk(''));
  await monitor.task('start');
  await monitor.task('halt');
  expect(await files()).toEqual(before);
});
