import { describe, expect, test } from '@jest/globals';
import { DOM0, domid, evtchn } from '@xenops/core/ids';
import type { HvmBuildSpec, PvBuildSpec, PvhBuildSpec } from '@xenops/core/hypervisor';
import { buildArguments, restoreArguments } from './build-arguments.ts';

const around = { domid: domid(7), vcpuCount: 3, kernelCache: undefined };
const rings = {
  storeEvtchn: evtchn(1),
  storeDomid: DOM0,
  consoleEvtchn: evtchn(2),
  consoleDomid: domid(3),
};
const pv: PvBuildSpec = {
  kind: 'pv',
  kernelPath: '/boot/kernel',
  cmdline: 'console=hvc0',
  memoryKib: 131072,
  ...rings,
};
const pvh: PvhBuildSpec = { ...pv, kind: 'pvh' };
const hvm: HvmBuildSpec = {
  kind: 'hvm',
  loaderPath: '/hvmloader',
  firmwarePath: '/bios.bin',
  memoryKib: 524288,
  videoMemoryKib: 16384,
  ...rings,
};
const refused: unknown = expect.objectContaining({ code: 'HYPERVISOR_BAD_ARGUMENT' });

describe('what every guest is built with', () => {
  test('memory goes in MiB, files may unpack to 1 GiB, and what is not said is as in libxl', () => {
    expect(buildArguments(pv, around)).toEqual({
      guestType: 'pv',
      ...rings,
      kernelPath: '/boot/kernel',
      cmdline: 'console=hvc0',
      modules: [],
      memoryMib: 128,
      memoryMapKib: 131072,
      targetPages: 32768,
      maxVcpus: 3,
      tscMode: 0,
      timeOffsetSeconds: 0,
      hpet: true,
      cpuPolicy: { pae: true, invariantTsc: false, nestedVirt: false, leaves: [] },
      claim: true,
      kernelBytesMax: 2 ** 30,
      moduleBytesMax: 2 ** 30,
      kernelCache: undefined,
      layout: undefined,
      acpi: undefined,
      hvm: undefined,
    });
  });
  test('what is said is passed on', () => {
    const kernelCache = { folder: '/cache', bytesMax: 5 };
    expect(
      buildArguments(
        {
          ...pv,
          ramdiskPath: '/initrd',
          maxMemoryKib: 262144,
          tscMode: 'native',
          timeOffsetSeconds: -3600,
        },
        { ...around, kernelCache },
      ),
    ).toMatchObject({
      modules: [{ path: '/initrd', cmdline: undefined }],
      memoryMib: 128,
      memoryMapKib: 262144,
      tscMode: 2,
      timeOffsetSeconds: -3600,
      kernelCache,
    });
  });
  test.each([0, -1024, 1023, 1024.5, Number.NaN, Infinity])('%d KiB are refused', (memoryKib) => {
    expect(() => buildArguments({ ...pv, memoryKib }, around)).toThrow(refused);
    expect(() => buildArguments({ ...pv, maxMemoryKib: memoryKib }, around)).toThrow(refused);
  });
  test('a guest cannot start with more memory than it may have', () => {
    expect(() => buildArguments({ ...pv, maxMemoryKib: 65536 }, around)).toThrow(refused);
  });
  test("a PV guest's command line is counted in bytes, up to 1023", () => {
    const fits = 'ä'.repeat(511) + 'x';
    expect(buildArguments({ ...pv, cmdline: fits }, around).cmdline).toBe(fits);
    const tooLong = `${fits}x`;
    expect(() => buildArguments({ ...pv, cmdline: tooLong }, around)).toThrow(
      expect.objectContaining({ context: { domid: 7, cmdlineBytes: 1025 } }),
    );
    expect(buildArguments({ ...pvh, cmdline: tooLong }, around).cmdline).toBe(tooLong);
  });
});

describe('what a PVH guest is built with', () => {
  test('less memory than it may have is populated on demand, and laid out for all of it', () => {
    const args = buildArguments({ ...pvh, maxMemoryKib: 262144 }, around);
    expect(args).toMatchObject({ memoryMib: 256, targetPages: 32768, hvm: undefined });
    expect(args.layout?.lowEndBytes).toBe(256 * 2 ** 20);
  });
  test('its tables lie where its memory map says', () => {
    const { acpi, layout } = buildArguments(pvh, around);
    expect(acpi?.addressBytes).toBe(layout?.holeStartBytes);
    const place = layout?.memoryMap.find(({ type }) => type === 3);
    expect(place?.addressBytes).toBe(acpi?.addressBytes);
    expect(place?.sizeBytes).toBeGreaterThanOrEqual(acpi?.tables.length ?? Infinity);
  });
  test('the ramdisk comes first, and libxenguest takes two files', () => {
    const modules = [{ path: '/module', cmdline: 'word' }];
    const ramdiskPath = '/initrd';
    expect(buildArguments({ ...pvh, ramdiskPath, modules }, around).modules).toEqual([
      { path: '/initrd', cmdline: undefined },
      { path: '/module', cmdline: 'word' },
    ]);
    expect(() =>
      buildArguments({ ...pvh, ramdiskPath, modules: [...modules, ...modules] }, around),
    ).toThrow(refused);
  });
  test.each([0, 4, 1.5, -1])('%d vcpus of 3 at boot are refused', (onlineVcpus) => {
    expect(() => buildArguments({ ...pvh, onlineVcpus }, around)).toThrow(refused);
  });
});

describe('what an HVM guest is built with', () => {
  test('the builder leaves out the video memory, hvmloader is its kernel', () => {
    expect(buildArguments(hvm, around)).toMatchObject({
      kernelPath: '/hvmloader',
      memoryMib: 496,
      targetPages: 126976,
      memoryMapKib: 524288,
      acpi: undefined,
      hvm: {
        firmwarePath: '/bios.bin',
        vgaHolePages: 0x20,
        onlineVcpus: Uint8Array.of(0b111),
        viridianFeatures: 0n,
      },
    });
  });
  test('vcpus that are there at boot are the lowest bits', () => {
    const online = (count: number): Uint8Array | undefined =>
      buildArguments({ ...hvm, onlineVcpus: count }, { ...around, vcpuCount: 20 }).hvm?.onlineVcpus;
    expect([1, 8, 9, 20].map(online)).toEqual([
      Uint8Array.of(1),
      Uint8Array.of(0xff),
      Uint8Array.of(0xff, 1),
      Uint8Array.of(0xff, 0xff, 0xf),
    ]);
  });
  test('a guest without video needs no memory for it', () => {
    expect(buildArguments({ ...hvm, videoMemoryKib: 0 }, around).memoryMib).toBe(512);
  });
  test.each([-1024, 1000, 524288, Number.NaN])(
    '%d KiB of video memory are refused',
    (videoMemoryKib) => {
      expect(() => buildArguments({ ...hvm, videoMemoryKib }, around)).toThrow(refused);
    },
  );
});

test('a restore sets what no stream carries', () => {
  const spec = { fd: 5, guestType: 'hvm', memoryKib: 1024, hpet: false, ...rings } as const;
  expect(restoreArguments(spec)).toEqual({
    fd: 5,
    guestType: 'hvm',
    ...rings,
    memoryMapKib: 1024,
    tscMode: 0,
    timeOffsetSeconds: 0,
    hpet: false,
    cpuPolicy: { pae: true, invariantTsc: false, nestedVirt: false, leaves: [] },
  });
});
