import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { SimBench } from './sim-host.test-helper.ts';

// Many whole operations, on a machine that may be busy.
jest.setTimeout(60_000);

let bench: SimBench;
beforeEach(async () => {
  bench = await SimBench.open();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

test('an image replaces what was there, whole, and for its owner alone (D45)', async () => {
  await using monitor = await bench.monitor();
  await monitor.task('start');
  await writeFile(bench.path('image'), Buffer.alloc(4_194_304, 'old'), { mode: 0o644 });
  await monitor.task('suspend', { file: bench.path('image') });
  expect((await readFile(bench.path('image'))).includes('oldold')).toBe(false);
  expect((await stat(bench.path('image'))).mode & 0o777).toBe(0o600);
  await monitor.task('restore', { file: bench.path('image') });
  expect(await monitor.task('get-status')).toBe('running');
  await monitor.task('destroy');
});

test('an image that cannot be written leaves the guest running and no file behind (D29)', async () => {
  await using monitor = await bench.monitor();
  await monitor.task('start');
  const before = await readdir(bench.folder);
  await expect(
    monitor.task('suspend', { file: bench.path('missing/image') }),
  ).rejects.toMatchObject({ code: 'STREAM_IO' });
  expect(await monitor.task('get-status')).toBe('running');
  expect(await readdir(bench.folder)).toEqual(before);
  await monitor.task('destroy');
});

test('an image that is not there leaves the VM as it was (D29)', async () => {
  await using monitor = await bench.monitor();
  await expect(monitor.task('restore', { file: bench.path('missing') })).rejects.toThrow();
  expect(await monitor.task('get-status')).toBe('shutdown');
  expect(await bench.leftovers()).toEqual({ domains: 0, records: [] });
});

test.each(['xenserver:/dev/sdb', 'image', 'a:b', ''])(
  '"%s" is no image: none is written anywhere but under an absolute path (D44)',
  async (file) => {
    await using monitor = await bench.monitor();
    await monitor.task('start');
    await expect(monitor.task('suspend', { file })).rejects.toMatchObject({
      code: expect.stringMatching(/^TASK_ARGUMENT_/),
    });
    expect(await monitor.task('get-status')).toBe('running');
    await monitor.task('destroy');
  },
);

test.each([
  ['memory=96', /98304 KiB of memory and cannot be restored as a VM of 65536 KiB/],
  ['vcpus=2', /2 vcpus and cannot be restored as a VM of 1/],
])('an image of a guest with %s is refused where the configuration has less', async (more, why) => {
  const image = bench.path('image');
  {
    await using monitor = await bench.monitor(more);
    await monitor.task('start');
    await monitor.task('suspend', { file: image });
  }
  await using monitor = await bench.monitor();
  await expect(monitor.task('restore', { file: image })).rejects.toThrow(why);
  expect((await bench.leftovers()).domains).toBe(0);
  expect((await stat(image)).size).toBeGreaterThan(0);
});
