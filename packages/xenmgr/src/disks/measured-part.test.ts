import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LifeService } from '../life/create-life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { fakeAround, type FakeAround } from '../testing/around.test-helper.ts';
import { measuredPart } from './measured-part.ts';

const UUID = '11111111-0000-4000-8000-00000000000a';
const DISK = `/vm/${UUID}/config/disk/0`;
const CONTENT = 'what is on the disk';
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const SHA1 = createHash('sha1').update(CONTENT).digest('hex');

let around: FakeAround;
let image: string;
const events: unknown[] = [];

beforeEach(async () => {
  events.length = 0;
  around = await fakeAround();
  await mkdir(around.places.disks, { recursive: true });
  image = path.join(around.places.disks, 'root.img');
  await writeFile(image, CONTENT);
  const disk = { path: image, type: 'file', mode: 'r', device: 'xvda' };
  await around.database.transact((draft) => {
    draft.inject(
      `/vm/${UUID}`,
      JSON.stringify({ measured: 'true', config: { disk: { 0: disk } } }),
    );
  });
});
afterEach(async () => around[Symbol.asyncDispose]());

async function check(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  await around.database.transact((draft) => {
    for (const [key, value] of Object.entries(settings)) draft.write(key, value);
  });
  const life = { post: (uuid: string, event: unknown) => void events.push([uuid, event]) };
  const part = measuredPart(
    around as unknown as Surroundings,
    () => life as unknown as LifeService,
  );
  await part.check?.(UUID);
}

const stored = (key: string): string | undefined => around.database.view().read(`${DISK}/${key}`);

describe('a measured VM', () => {
  test('starts when its disk is what was enrolled', async () => {
    await check({ [`${DISK}/sha256sum`]: SHA256.toUpperCase() });
    expect(events).toEqual([]);
  });

  test('does not when it is not, and the host is told', async () => {
    const wrong = { [`${DISK}/sha256sum`]: '0'.repeat(64) };
    await expect(check(wrong)).rejects.toMatchObject({ code: 'MEASUREMENT_FAILED' });
    expect(events).toEqual([[UUID, expect.objectContaining({ kind: 'measurement-failed' })]]);
  });

  test('does not while a read-only disk has no sum: the first start is not trusted', async () => {
    await expect(check()).rejects.toThrow(/config\.disk\.0\.sha256sum/);
    expect(stored('sha256sum')).toBeUndefined();
    expect(events).toEqual([]);
  });

  test('learns where the host is told to', async () => {
    await check({ '/xenmgr/learn-measurements': 'true' });
    expect(stored('sha256sum')).toBe(SHA256);
    await writeFile(image, 'something else');
    await expect(check()).rejects.toMatchObject({ code: 'MEASUREMENT_FAILED' });
  });

  test('has its sum of old compared once more and replaced', async () => {
    await check({ [`${DISK}/sha1sum`]: SHA1 });
    expect([stored('sha256sum'), stored('sha1sum')]).toEqual([SHA256, undefined]);
  });

  test('does not start when its sum of old is another', async () => {
    const wrong = { [`${DISK}/sha1sum`]: '0'.repeat(40) };
    await expect(check(wrong)).rejects.toMatchObject({ code: 'MEASUREMENT_FAILED' });
  });

  test('may have writable disks without sums, and disabled ones', async () => {
    await check({ [`${DISK}/mode`]: 'w' });
    await check({ [`${DISK}/mode`]: 'r', [`${DISK}/enable`]: 'false' });
  });

  test('reads a VHD through a tap device that is read-only and goes again', async () => {
    around.programs.play('tap-ctl', ({ args }) => (args[0] === 'create' ? `${image}\n` : ''));
    await check({ [`${DISK}/type`]: 'vhd', [`${DISK}/sha256sum`]: SHA256 });
    expect(around.programs.linesOf('tap-ctl')).toEqual([
      `create -a vhd:${image} -R`,
      `destroy -d ${image}`,
    ]);
  });

  test('is refused a disk that cannot be read, or is gone', async () => {
    const sum = { [`${DISK}/sha256sum`]: SHA256 };
    await expect(check({ ...sum, [`${DISK}/type`]: 'qcow2' })).rejects.toMatchObject({
      code: 'WRONG_DISK_TYPE',
    });
    await expect(
      check({ ...sum, [`${DISK}/type`]: 'file', [`${DISK}/path`]: '/no/such/file' }),
    ).rejects.toMatchObject({ code: 'IO' });
  });

  test('starts unmeasured where the host says so', async () => {
    await check({ [`${DISK}/sha256sum`]: '0', '/xenmgr/bypass-sha1sum-checks': 'true' });
  });
});
