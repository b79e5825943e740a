import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { findPciAddress, type PciAddress } from '../hypervisor/pci-address.ts';
import { barLine, FakePciKernel, fakeCard } from './fake-kernel.test-helper.ts';
import { pciConflicts } from './conflicts.ts';
import { emulatedId } from './emulated.ts';
import { planGrants } from './grants.ts';
import { findPciDevice, listPciDevices, parseResources } from './pci-device.ts';
import { openPciSysfs } from './pci-sysfs.ts';
import { bindPciback, releaseFromPciback, resetPciDevice, unbindDriver } from './pciback.ts';

const at = (text: string): PciAddress => findPciAddress(text)!;

describe('the ranges of a device', () => {
  test('are read with 64 bits, and empty ones and those of bridges left out', () => {
    const none = '0x0000000000000000 0x0000000000000000 0x0000000000000000';
    const lines = [
      barLine(0x38_0000_0000n, 0x38_0001_ffffn, 'memory'),
      none,
      barLine(0xc000n, 0xc01fn, 'ports'),
      none,
      none,
      none,
      barLine(0xfebc_0000n, 0xfebc_ffffn, 'memory'),
      barLine(0xd000n, 0xdfffn, 'ports'),
    ];
    expect(parseResources(lines.join('\n'))).toEqual([
      { kind: 'memory', first: 0x38_0000_0000n, last: 0x38_0001_ffffn },
      { kind: 'ports', first: 0xc000n, last: 0xc01fn },
      { kind: 'memory', first: 0xfebc_0000n, last: 0xfebc_ffffn },
    ]);
  });

  test.each([[''], ['nonsense'], ['0x10 0x5 0x200'], ['0x1000 0x1fff']])(
    'that cannot be are none: %j',
    (text) => expect(parseResources(text)).toEqual([]),
  );

  test('become ports and whole frames', async () => {
    const kernel = new FakePciKernel({ '0000:03:00.0': fakeCard() });
    const device = await findPciDevice(kernel, at('03:00.0'));
    expect(planGrants(device!)).toEqual({
      ports: [{ firstPort: 0xc000, count: 32 }],
      frames: [{ firstFrame: 0x380_0000n, count: 32 }],
    });
  });

  test('of less than a page are granted as the page', async () => {
    const resource = barLine(0xfebf_1800n, 0xfebf_18ffn, 'memory');
    const kernel = new FakePciKernel({ '0000:03:00.0': fakeCard({ resource }) });
    const device = await findPciDevice(kernel, at('03:00.0'));
    expect(planGrants(device!).frames).toEqual([{ firstFrame: 0xf_ebf1n, count: 1 }]);
  });
});

describe('a device can be given', () => {
  const kept = fakeCard({ driver: 'pciback' });
  const other = (first: bigint) =>
    fakeCard({ driver: 'ahci', resource: barLine(first, first + 0xffn, 'memory') });
  const conflicts = async (
    devices: Readonly<Record<string, ReturnType<typeof fakeCard>>>,
    given: readonly string[],
    { group = [], own = [] }: { group?: readonly string[]; own?: readonly string[] } = {},
  ): Promise<readonly string[]> => {
    const all = await listPciDevices(new FakePciKernel(devices));
    return pciConflicts(
      all.filter(({ name }) => given.includes(name)),
      { all, group, own },
    );
  };

  test('when it is whole and kept', async () => {
    const devices = { '0000:03:00.0': kept, '0000:04:00.0': other(0xf000_0000n) };
    expect(await conflicts(devices, ['0000:03:00.0'])).toEqual([]);
  });

  test.each([
    ['is not kept for guests', { '0000:03:00.0': fakeCard() }, {}],
    ['bridge', { '0000:03:00.0': fakeCard({ driver: 'pciback', classCode: '0x060400' }) }, {}],
    [
      'shares a page of memory with 0000:04:00.0',
      { '0000:03:00.0': kept, '0000:04:00.0': other(0x38_0001_ff00n) },
      {},
    ],
    [
      'together with 0000:03:00.1',
      { '0000:03:00.0': kept, '0000:03:00.1': other(0xf000_0000n) },
      {},
    ],
    [
      'together with 0000:04:00.0',
      { '0000:03:00.0': kept, '0000:04:00.0': other(0xf000_0000n) },
      { group: ['0000:04:00.0'] },
    ],
  ] as const)('unless it %s', async (reason, devices, neighbours) => {
    const [found, ...more] = await conflicts(devices, ['0000:03:00.0'], neighbours);
    expect(found).toContain(reason);
    expect(more).toEqual([]);
  });

  test('with the rest of its slot, or after it', async () => {
    const devices = {
      '0000:03:00.0': kept,
      '0000:03:00.1': fakeCard({
        driver: 'pciback',
        resource: barLine(0xf000_0000n, 0xf000_0fffn, 'memory'),
      }),
    };
    expect(await conflicts(devices, Object.keys(devices))).toEqual([]);
    expect(await conflicts(devices, ['0000:03:00.0'], { own: ['0000:03:00.1'] })).toEqual([]);
  });
});

describe('pciback', () => {
  test('is told of a device once, and forgets it', async () => {
    const kernel = new FakePciKernel({ '0000:03:00.0': fakeCard() });
    const device = (await findPciDevice(kernel, at('03:00.0')))!;
    await unbindDriver(kernel, device);
    await bindPciback(kernel, device);
    await unbindDriver(kernel, device);
    await bindPciback(kernel, device);
    await releaseFromPciback(kernel, device);
    expect(kernel.log).toEqual([
      'drivers/e1000e/unbind 0000:03:00.0',
      'drivers/pciback/new_slot 0000:03:00.0',
      'drivers/pciback/bind 0000:03:00.0',
      'drivers/pciback/unbind 0000:03:00.0',
      'drivers/pciback/bind 0000:03:00.0',
      'drivers/pciback/unbind 0000:03:00.0',
      'drivers/pciback/remove_slot 0000:03:00.0',
    ]);
  });

  test('that refuses is an error that names the command', async () => {
    const kernel = new FakePciKernel({ '0000:03:00.0': fakeCard({ driver: undefined }) });
    kernel.broken.add('drivers/pciback/bind');
    const device = (await findPciDevice(kernel, at('03:00.0')))!;
    await expect(bindPciback(kernel, device)).rejects.toMatchObject({
      code: 'HOTPLUG_FAILED',
      context: { file: 'drivers/pciback/bind' },
    });
  });

  test('a device that the kernel cannot reset is told from one that it can', async () => {
    const kernel = new FakePciKernel({
      '0000:03:00.0': fakeCard(),
      '0000:04:00.0': fakeCard({ hasReset: false }),
    });
    const [first, second] = await listPciDevices(kernel);
    expect(await resetPciDevice(kernel, first!)).toBe(true);
    expect(await resetPciDevice(kernel, second!)).toBe(false);
    expect(kernel.log).toEqual(['devices/0000:03:00.0/reset 1']);
  });
});

describe('the files of sysfs', () => {
  test('are read, followed and written below their root, and never made', async () => {
    const root = await mkdtemp(path.join(os.tmpdir(), 'xenops-pci-'));
    try {
      const folder = path.join(root, 'devices/0000:03:00.0');
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, 'reset'), '');
      await writeFile(path.join(folder, 'irq'), '16\n');
      await symlink('../../drivers/e1000e', path.join(folder, 'driver'));
      const sysfs = openPciSysfs(root);
      expect(await sysfs.list('devices')).toEqual(['0000:03:00.0']);
      expect(await sysfs.list('drivers')).toEqual([]);
      expect(await sysfs.read('devices/0000:03:00.0/irq')).toBe('16\n');
      expect(await sysfs.read('devices/0000:03:00.0/class')).toBeUndefined();
      expect(await sysfs.readLink('devices/0000:03:00.0/driver')).toBe('e1000e');
      await sysfs.write('devices/0000:03:00.0/reset', '1');
      expect(await readFile(path.join(folder, 'reset'), 'utf8')).toBe('1');
      await expect(sysfs.write('drivers/pciback/bind', 'x')).rejects.toThrow('ENOENT');
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

test('the name of a device in qemu is that of libxl', () => {
  expect(emulatedId(at('0000:0a:1f.3'))).toBe('pci-pt-0a_1f.3');
});
