import { describe, expect, test } from '@jest/globals';
import { domid, DOM0, vmUuid } from '../../ids.ts';
import { describeArgo } from './argo.ts';
import { describeConsole } from './console.ts';
import { describeVfb } from './framebuffer.ts';
import { describeVkb } from './keyboard.ts';
import { describeP9fs } from './p9fs.ts';
import { describeVsnd } from './sound.ts';
import { describeVusb } from './usb.ts';
import { describeVbd, type VbdConfig } from './vbd.ts';
import { describeVif, isUnicastMac, randomMac, type VifConfig } from './vif.ts';
import { describeVtpm } from './vtpm.ts';

const GUEST = domid(7);
const bad = expect.objectContaining({ code: 'CONFIG_BAD_VALUE' });

describe('a disk', () => {
  const disk: VbdConfig = { vdev: 'xvda', target: '/images/root.img', readOnly: false };
  const pv = { domid: GUEST, guestType: 'pv' as const };

  // Seen with xl on Xen 4.17: phy:, raw.
  test('that is raw is served by the kernel, with the keys of xl', () => {
    expect(describeVbd(pv, disk)).toEqual({
      address: { frontend: 7, kind: 'vbd', devid: 51712, backend: DOM0, backendKind: 'vbd' },
      backend: 'kernel',
      backendKeys: {
        params: '/images/root.img',
        script: '/etc/xen/scripts/block',
        removable: '0',
        bootable: '1',
        dev: 'xvda',
        type: 'phy',
        mode: 'w',
        'device-type': 'disk',
        'discard-enable': '1',
        specification: 'xen',
      },
      frontendKeys: {
        'virtual-device': '51712',
        'device-type': 'disk',
        trusted: '1',
        protocol: 'x86_64-abi',
      },
      hotplug: { kind: 'block', path: '/images/root.img', readOnly: false },
      config: disk,
    });
  });

  test.each([
    ['qcow2', 'qcow2:/images/root.img'],
    ['vhd', 'vhd:/images/root.img'],
  ] as const)('in %s is served by the device model', (format, params) => {
    const { address, backend, backendKeys, hotplug } = describeVbd(pv, { ...disk, format });
    expect({ kind: address.backendKind, backend, params: backendKeys['params'], hotplug }).toEqual({
      kind: 'qdisk',
      backend: 'device-model',
      params,
      hotplug: { kind: 'none' },
    });
  });

  test('that is read-only is so for the back-end and for the loop device', () => {
    const { backendKeys, hotplug } = describeVbd(pv, { ...disk, readOnly: true });
    expect(backendKeys['mode']).toBe('r');
    expect(hotplug).toMatchObject({ readOnly: true });
  });

  test('without a medium is a CD drive of the device model', () => {
    const cd: VbdConfig = { vdev: 'hdc', target: '', readOnly: true, isCdrom: true };
    const { address, backendKeys } = describeVbd({ ...pv, guestType: 'hvm' }, cd);
    expect(address).toMatchObject({ backendKind: 'qdisk', devid: 5632 });
    expect(backendKeys).toMatchObject({ params: 'aio:', removable: '1', 'device-type': 'cdrom' });
  });

  test('in another domain is left to the daemon there', () => {
    const { address, hotplug } = describeVbd(pv, { ...disk, backendDomid: domid(3) });
    expect(address.backend).toBe(3);
    expect(hotplug).toEqual({ kind: 'remote' });
  });

  test.each<[string, Partial<VbdConfig>]>([
    ['an empty target', { target: '' }],
    ['a relative target', { target: 'root.img' }],
    ['a NUL in its target', { target: '/a\0b' }],
    ['a writable CD', { isCdrom: true }],
    ['an image for the kernel', { format: 'qcow2', backend: 'phy' }],
    ['a name that is none', { vdev: 'sdz9x' }],
    ['an extra key of ours', { extraBackendKeys: { params: '/etc/shadow' } }],
    ['an extra key that leaves the folder', { extraBackendKeys: { 'a b': '' } }],
  ])('with %s is refused', (_what, change) => {
    expect(() => describeVbd(pv, { ...disk, ...change })).toThrow(bad);
  });
});

describe('a network interface', () => {
  const vif: VifConfig = {
    devid: 0,
    mac: '00:16:3E:01:02:03',
    network: { kind: 'bridge', bridge: 'xenbr0' },
  };

  test('on a bridge has the keys of xl and becomes a port of it', () => {
    expect(describeVif(GUEST, vif)).toEqual({
      address: { frontend: 7, kind: 'vif', devid: 0, backend: DOM0, backendKind: 'vif' },
      backend: 'kernel',
      backendKeys: {
        script: '/etc/xen/scripts/vif-bridge',
        mac: '00:16:3e:01:02:03',
        bridge: 'xenbr0',
        handle: '0',
        type: 'vif',
        'hotplug-status': '',
      },
      frontendKeys: { handle: '0', mac: '00:16:3e:01:02:03', trusted: '1' },
      frontendReadOnlyKeys: {},
      hotplug: { kind: 'bridge', bridge: 'xenbr0', link: 'vif7.0', mtu: undefined },
      config: vif,
    });
  });

  test.each([
    [
      'openvswitch',
      { network: { kind: 'openvswitch', bridge: 'ovs0' } },
      '/etc/xen/scripts/vif-openvswitch',
    ],
    ['an address to filter by', { ip: '10.0.0.2' }, '/etc/xen/scripts/vif-bridge'],
    ['a script of its own', { script: '/opt/vif' }, '/opt/vif'],
  ] as const)('with %s is left to a script', (_what, change, script) => {
    const { hotplug } = describeVif(GUEST, { ...vif, ...change });
    expect(hotplug).toEqual({
      kind: 'script',
      script,
      type: 'vif',
      env: { vif: 'vif7.0', netdev: 'vif7.0' },
    });
  });

  test('with another MTU tells the guest, which cannot change it', () => {
    const { backendKeys, frontendReadOnlyKeys } = describeVif(GUEST, { ...vif, mtu: 9000 });
    expect([backendKeys['mtu'], frontendReadOnlyKeys]).toEqual(['9000', { mtu: '9000' }]);
  });

  test('with a rate counts bytes in an interval', () => {
    const rate = { kibPerSecond: 1024 };
    expect(describeVif(GUEST, { ...vif, rate }).backendKeys['rate']).toBe('52428,50000');
  });

  test('that is wireless has another front-end', () => {
    expect(describeVif(GUEST, { ...vif, isWireless: true }).address).toMatchObject({
      kind: 'vwif',
      backendKind: 'vif',
    });
  });

  test.each<[string, Partial<VifConfig>]>([
    ['a group address', { mac: '01:16:3e:01:02:03' }],
    ['no address', { mac: '00:00:00:00:00:00' }],
    ['half an address', { mac: '00:16:3e' }],
    ['a bridge that is no name', { network: { kind: 'bridge', bridge: '../x' } }],
    ['a name too long for Linux', { vifname: 'abcdefghijklmnop' }],
    ['an MTU that is none', { mtu: 12 }],
    ['a rate of nothing', { rate: { kibPerSecond: 0 } }],
    ['a negative number', { devid: -1 }],
  ])('with %s is refused', (_what, change) => {
    expect(() => describeVif(GUEST, { ...vif, ...change })).toThrow(bad);
  });

  test("gets a fresh address in Xen's range", () => {
    const macs = Array.from({ length: 100 }, randomMac);
    expect(macs.every((mac) => mac.startsWith('00:16:3e:') && isUnicastMac(mac))).toBe(true);
  });
});

describe('further classes', () => {
  test.each([
    ['a keyboard', describeVkb(GUEST, { devid: 0 }), 'vkbd', 'device-model'],
    ['a screen', describeVfb(GUEST, { devid: 0, vnc: {} }), 'vfb', 'device-model'],
    [
      'a shared folder',
      describeP9fs(GUEST, { devid: 0, tag: 'home', folder: '/srv' }),
      '9pfs',
      'device-model',
    ],
    ['a sound card', describeVsnd(GUEST, { devid: 0 }), 'vsnd', 'program'],
    ['the mark of Argo', describeArgo(GUEST), 'v4v', 'none'],
    [
      'a TPM',
      describeVtpm(GUEST, {
        devid: 0,
        backendDomid: domid(2),
        uuid: vmUuid('00000000-0000-0000-0000-00000000000a'),
      }),
      'vtpm',
      'program',
    ],
    [
      'a USB controller',
      describeVusb(GUEST, { devid: 0, server: 'device-model', version: 2, ports: 4 }),
      'vusb',
      'device-model',
    ],
  ] as const)('%s has its kind and its server', (_what, { address, backend }, kind, server) => {
    expect([address.kind, backend]).toEqual([kind, server]);
  });

  test('what steers the server of a console is read-only for the guest', () => {
    const { frontendKeys, frontendReadOnlyKeys } = describeConsole(GUEST, {
      devid: 1,
      server: 'xenconsoled',
      output: 'pty',
    });
    expect(frontendKeys).toEqual({});
    expect(frontendReadOnlyKeys).toMatchObject({ type: 'xenconsoled', output: 'pty', tty: '' });
  });

  test('the primary console is no device of its own', () => {
    const config = { devid: 0, server: 'xenconsoled', output: 'pty' } as const;
    expect(() => describeConsole(GUEST, config)).toThrow(bad);
  });

  test('ports of a USB controller without a device are empty', () => {
    const { backendKeys } = describeVusb(GUEST, {
      devid: 0,
      server: 'kernel',
      version: 1,
      ports: 2,
      devices: { 2: '1-1.2' },
    });
    expect(backendKeys).toMatchObject({ 'port/1': '', 'port/2': '1-1.2' });
  });
});
