import { describe, expect, test } from '@jest/globals';
import { DOM0, domid, evtchn, vmUuid } from '@xenops/core/ids';
import type { PvBuildSpec } from '@xenops/core/hypervisor';
import { assertGuest, createArguments, pvArguments } from './addon-arguments.ts';

const uuid = vmUuid('00010203-0405-0607-0809-0a0b0c0d0e0f');
const DOMID = domid(7);

describe('what a domain is created with', () => {
  test('a PV domain takes the defaults of libxl and none of the hardware container', () => {
    expect(createArguments({ uuid, guestType: 'pv', maxVcpus: 2, hap: true })).toEqual({
      handle: Uint8Array.from({ length: 16 }, (_, index) => index),
      domid: undefined,
      ssidref: 0,
      hvm: false,
      hap: false,
      iommu: false,
      nestedVirt: false,
      vpmu: false,
      maxVcpus: 2,
      maxEvtchnPort: 1023,
      maxGrantFrames: -1,
      maxMaptrackFrames: -1,
      maxGrantVersion: 2,
      cpupoolId: 0,
      emulationFlags: 0,
    });
  });
  test.each([
    ['pvh', 1],
    ['hvm', 0x3ff],
  ] as const)('a %s domain is a container with these devices emulated: %i', (guestType, flags) => {
    const spec = { uuid, guestType, maxVcpus: 1 };
    expect(createArguments(spec)).toMatchObject({ hvm: true, hap: true, emulationFlags: flags });
    expect(createArguments({ ...spec, hap: false })).toMatchObject({ hvm: true, hap: false });
  });
  test('what the caller says is taken as it is', () => {
    const said = {
      domid: DOMID,
      ssidref: 3,
      maxVcpus: 4,
      maxEvtchnPort: 127,
      maxGrantFrames: 32,
      maxMaptrackFrames: 0,
      maxGrantVersion: 1,
      iommu: true,
      nestedVirt: true,
      vpmu: true,
      cpupoolId: 2,
    } as const;
    expect(createArguments({ uuid, guestType: 'hvm', ...said })).toMatchObject(said);
  });
});

describe('what a PV guest is built with', () => {
  const spec: PvBuildSpec = {
    kind: 'pv',
    kernelPath: '/boot/kernel',
    cmdline: 'console=hvc0',
    memoryKib: 131072,
    storeEvtchn: evtchn(1),
    storeDomid: DOM0,
    consoleEvtchn: evtchn(2),
    consoleDomid: domid(3),
  };
  test('memory goes in MiB, the map in KiB, and images may unpack to 1 GiB', () => {
    const { kind: _kind, memoryKib, ...same } = spec;
    expect(pvArguments(DOMID, spec)).toEqual({
      ...same,
      ramdiskPath: undefined,
      memoryMib: 128,
      memoryMapKib: memoryKib,
      tscMode: 0,
      claim: true,
      kernelBytesMax: 2 ** 30,
      ramdiskBytesMax: 2 ** 30,
    });
  });
  test.each([0, -1024, 1023, 1024.5, Number.NaN, Infinity])('%d KiB is refused', (memoryKib) => {
    expect(() => pvArguments(DOMID, { ...spec, memoryKib })).toThrow(
      expect.objectContaining({ code: 'HYPERVISOR_BAD_ARGUMENT' }),
    );
  });
  test('a command line is counted in bytes, up to 1023', () => {
    const fits = 'ä'.repeat(511) + 'x';
    expect(pvArguments(DOMID, { ...spec, cmdline: fits }).cmdline).toBe(fits);
    expect(() => pvArguments(DOMID, { ...spec, cmdline: `${fits}x` })).toThrow(
      expect.objectContaining({ context: { domid: 7, cmdlineBytes: 1025 } }),
    );
  });
});

test('Dom0 is refused by name, guests are not', () => {
  expect(() => {
    assertGuest(DOM0, 'pause domain 0');
  }).toThrow('Cannot pause domain 0: it is the control domain');
  expect(() => {
    assertGuest(DOMID, 'pause domain 7');
  }).not.toThrow();
});
