import { describe, expect, test } from '@jest/globals';
import { domid, vmUuid } from '@xenops/core/ids';
import { createArguments } from './addon-arguments.ts';

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
