import { describe, expect, test } from '@jest/globals';
import { vmUuid } from '../ids.ts';
import {
  decodeXlConfig,
  encodeXlConfig,
  withDevices,
  type DomainConfig,
  type XlDevices,
} from './xl-config.ts';

/** What xl 4.17 wrote about a PV guest with a disk and an interface. */
const OF_XL = JSON.stringify({
  c_info: {
    type: 'pv',
    name: 'pv',
    domid: 4294967295,
    uuid: 'cfcfbeb8-0f93-4ffd-a029-38789f278709',
    run_hotplug_scripts: 'True',
  },
  b_info: {
    max_vcpus: 2,
    avail_vcpus: [0, 1],
    tsc_mode: 'native',
    max_memkb: 163840,
    target_memkb: 131072,
    video_memkb: 0,
    sched_params: {},
    claim_mode: 'True',
    kernel: '/guest/vmlinux',
    cmdline: 'console=hvc0',
    ramdisk: '/guest/initrd.cpio.gz',
    'type.pv': {},
    arch_arm: {},
    arch_x86: { msr_relaxed: 'False' },
  },
  disks: [
    {
      pdev_path: '/tmp/d.img',
      vdev: 'xvda',
      format: 'raw',
      readwrite: 1,
      colo_restore_enable: 'False',
    },
  ],
  nics: [{ devid: 0, mac: '00:16:3e:00:00:01', bridge: 'xenbr0', nictype: 'vif' }],
  on_reboot: 'restart',
  on_soft_reset: 'soft_reset',
});

const pvBuild = {
  kind: 'pv',
  memoryKib: 131_072,
  maxMemoryKib: 163_840,
  vcpus: 2,
  onlineVcpus: 2,
  tscMode: 'native',
  kernelPath: '/guest/vmlinux',
  cmdline: 'console=hvc0',
  ramdiskPath: '/guest/initrd.cpio.gz',
} as const;
const config: DomainConfig = {
  uuid: vmUuid('cfcfbeb8-0f93-4ffd-a029-38789f278709'),
  name: 'pv',
  build: pvBuild,
  disks: [{ vdev: 'xvda', target: '/tmp/d.img', readOnly: false }],
  nics: [{ devid: 0, mac: '00:16:3e:00:00:01', network: { kind: 'bridge', bridge: 'xenbr0' } }],
};

describe('the configuration of a domain of xl', () => {
  const added = { vdev: 'xvdb', target: '/tmp/e.img', readOnly: true } as const;
  const nic = {
    devid: 1,
    mac: '00:16:3e:00:00:02',
    network: { kind: 'bridge', bridge: 'br1' },
  } as const;
  const [xvda, xvdb] = [51_712, 51_728];
  const after = (devices: Partial<XlDevices>): unknown =>
    JSON.parse(
      withDevices(OF_XL, { disks: [], nics: [], vbds: new Set(), vifs: new Set(), ...devices }),
    );
  const before = JSON.parse(OF_XL) as { disks: object[]; nics: object[] };

  test('stays what it is while its devices are the same', () => {
    expect(after({ vbds: new Set([xvda]), vifs: new Set([0]) })).toEqual(before);
  });

  test('gets the devices that we have attached, and loses those that are gone', () => {
    const devices = { disks: [added], nics: [nic], vbds: new Set([xvdb]), vifs: new Set([0, 1]) };
    expect(after(devices)).toEqual({
      ...before,
      disks: [{ pdev_path: '/tmp/e.img', vdev: 'xvdb', format: 'raw', readwrite: 0 }],
      nics: [...before.nics, expect.objectContaining({ devid: 1, bridge: 'br1' })],
    });
  });

  test('has our changes of its own devices, beside what only xl knows of them', () => {
    const changed = { ...config.disks[0], vdev: 'xvda', target: '/tmp/f.img', readOnly: false };
    expect(after({ disks: [changed], vbds: new Set([xvda]) })).toMatchObject({
      disks: [{ pdev_path: '/tmp/f.img', colo_restore_enable: 'False' }],
    });
  });
});

describe('the configuration of xl', () => {
  test('is read', () => {
    expect(decodeXlConfig(OF_XL)).toEqual(config);
  });

  test('that we write has the values of its own', () => {
    const ours = JSON.parse(encodeXlConfig(config)) as Record<string, unknown>;
    const its = JSON.parse(OF_XL) as Record<string, unknown>;
    expect(ours['b_info']).toEqual(its['b_info']);
    expect(its['nics']).toEqual(ours['nics']);
    expect(its['disks']).toMatchObject(ours['disks'] as object);
  });

  test.each(['pv', 'pvh', 'hvm'] as const)('of a %s guest survives', (kind) => {
    const { kernelPath, cmdline, ramdiskPath, ...common } = config.build as Extract<
      DomainConfig['build'],
      { kind: 'pv' }
    >;
    const build =
      kind === 'hvm'
        ? { ...common, kind, videoMemoryKib: 8192 }
        : { ...common, kind, kernelPath, cmdline, ramdiskPath };
    expect(decodeXlConfig(encodeXlConfig({ ...config, build }))).toEqual({ ...config, build });
  });

  test.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no type', OF_XL.replace('"type":"pv"', '"type":"vm"')],
    ['no uuid', OF_XL.replace('cfcfbeb8', 'x')],
    ['memory below zero', OF_XL.replace('131072', '-1')],
    ['a number for a name', OF_XL.replace('"name":"pv"', '"name":7')],
  ])('with %s is refused', (_what, json) => {
    expect(() => decodeXlConfig(json)).toThrow(expect.objectContaining({ code: 'STREAM_INVALID' }));
  });
});

test('whether the device model is confined is said as xl says it', () => {
  const { kernelPath: _path, cmdline: _cmdline, ramdiskPath: _ramdisk, ...common } = pvBuild;
  const build = { ...common, kind: 'hvm', videoMemoryKib: 8192, isModelConfined: true } as const;
  const json = encodeXlConfig({ ...config, build });
  expect(json).toContain('"dm_restrict":"True"');
  expect(decodeXlConfig(json).build).toEqual(build);
  expect(encodeXlConfig(config)).not.toContain('dm_restrict');
});

test('the emulated card of an interface is kept, by the name that xl has for it too', () => {
  const nic = { ...config.nics[0], devid: 0, mac: '00:16:3e:00:00:01' } as const;
  const network = { kind: 'bridge', bridge: 'xenbr0' } as const;
  const emulated = { ...nic, network, isEmulated: true };
  const round = (card: object) =>
    decodeXlConfig(encodeXlConfig({ ...config, nics: [{ ...emulated, ...card }] })).nics;
  expect(round({})).toEqual([emulated]);
  expect(round({ emulatedCard: 'e1000' })).toEqual([{ ...emulated, emulatedCard: 'e1000' }]);
  const ofXl = encodeXlConfig({
    ...config,
    nics: [{ ...emulated, emulatedCard: 'virtio-net-pci' }],
  });
  expect(decodeXlConfig(ofXl.replace('virtio-net-pci', 'virtio-net')).nics).toMatchObject([
    { emulatedCard: 'virtio-net-pci' },
  ]);
});
