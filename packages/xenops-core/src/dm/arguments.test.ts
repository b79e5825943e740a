import { describe, expect, test } from '@jest/globals';
import { domid } from '../ids.ts';
import { openDisks, qemuArguments } from './arguments.ts';
import type { DeviceModelConfig } from './config.ts';

const hvm: DeviceModelConfig = {
  domid: domid(7),
  name: 'win',
  guestType: 'hvm',
  memoryKib: 504 * 1024,
  vcpus: 2,
  onlineVcpus: 1,
  videoMemoryKib: 8192,
  vnc: {},
  disks: [],
  nics: [],
};
const SOCKETS = {
  socketPath: '/run/xen/qmp-libxl-7',
  heldSocketPath: '/run/xen/qmp-xenops-7',
};
const argsOf = (change: Partial<DeviceModelConfig> = {}): string =>
  qemuArguments({ ...hvm, ...change }, SOCKETS).join(' ');

describe('the command line of qemu', () => {
  test('for an HVM guest is that of libxl, with a monitor of our own', () => {
    expect(argsOf()).toBe(
      '-xen-domid 7 -chardev socket,id=libxl-cmd,path=/run/xen/qmp-libxl-7,server=on,wait=off -mon chardev=libxl-cmd,mode=control ' +
        '-chardev socket,id=xenops-cmd,path=/run/xen/qmp-xenops-7,server=on,wait=off -mon chardev=xenops-cmd,mode=control ' +
        '-no-shutdown -nodefaults -no-user-config -name win -vnc 127.0.0.1:0,to=99 -display none ' +
        '-device cirrus-vga,vgamem_mb=8 -boot order=cda -usb -usbdevice tablet -smp 1,maxcpus=2 -net none ' +
        '-machine xenfv,suppress-vmdesc=on -m 504',
    );
  });

  test.each([
    [
      'seccomp',
      true,
      '-sandbox on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny ',
    ],
    ['no seccomp', false, ''],
  ])(
    'for one that is confined, with %s, gives up Xen, the root folder and root',
    (_, has, text) => {
      const confinement = {
        user: { uid: 131_079, gid: 131_072 },
        rootPath: '/run/xen/qemu-root-7',
        hasSandbox: has,
        hasRunWith: false,
        blockDevices: new Set<string>(),
      };
      const args = qemuArguments(hvm, { ...SOCKETS, confinement }).join(' ');
      expect(args).toContain(
        `-xen-domid-restrict ${text}-chroot /run/xen/qemu-root-7 -runas 131079:131072`,
      );
    },
  );

  test('for one that is confined names no disk: it finds them open, to write only where it may', () => {
    const disks: DeviceModelConfig['disks'] = [
      { vdev: 'hda', path: '/a,b', format: 'raw', readOnly: false, isCdrom: false },
      { vdev: 'hdd', path: '', format: 'raw', readOnly: true, isCdrom: true },
      { vdev: 'hdc', path: '/dev/sr0', format: 'raw', readOnly: true, isCdrom: true },
    ];
    const confinement = {
      user: { uid: 1000, gid: 1000 },
      rootPath: '/r',
      hasSandbox: true,
      hasRunWith: true,
      blockDevices: new Set(['hdc']),
    };
    const config = { ...hvm, disks };
    const args = qemuArguments(config, { ...SOCKETS, confinement }).join(' ');
    expect(args).toContain(
      '-add-fd fd=4,set=1 -add-fd fd=5,set=1 -drive if=ide,index=0,media=disk,file.driver=file,file.filename=/dev/fdset/1,file.locking=off,format=raw,cache=writeback ' +
        '-drive if=none,readonly=on,id=ide-5696 -device ide-cd,id=ide-5696',
    );
    expect(args).toContain(
      '-add-fd fd=6,set=2 -drive if=none,readonly=on,id=ide-5632,file.driver=host_device,file.filename=/dev/fdset/2,file.locking=off,format=raw',
    );
    expect(args).toContain('-run-with chroot=/r,user=1000:1000');
    expect(args).not.toContain('-runas');
    expect(openDisks(disks)).toEqual({
      inputs: { 4: '/a,b', 6: '/dev/sr0' },
      updates: { 5: '/a,b' },
    });
  });

  test('for a PV guest attaches to it and emulates nothing', () => {
    const args = argsOf({ guestType: 'pv', vnc: undefined });
    expect(args).toContain('-xen-attach -vnc none -display none -net none -machine xenpv -m 504');
    expect(args).not.toContain('-boot');
  });

  test.each([
    [
      'hda',
      { vdev: 'hda', path: '/a.img', format: 'raw', readOnly: false, isCdrom: false },
      '-drive if=ide,index=0,media=disk,file=/a.img,format=raw,cache=writeback',
    ],
    [
      'xvdb in qcow2',
      { vdev: 'xvdb', path: '/b', format: 'qcow2', readOnly: false, isCdrom: false },
      '-drive if=ide,index=1,media=disk,file=/b,format=qcow2,cache=writeback',
    ],
    [
      'an empty CD',
      { vdev: 'hdc', path: '', format: 'raw', readOnly: true, isCdrom: true },
      '-drive if=none,readonly=on,id=ide-5632 -device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0',
    ],
    [
      'a CD',
      { vdev: 'hdd', path: '/c.iso', format: 'raw', readOnly: true, isCdrom: true },
      '-drive if=none,readonly=on,id=ide-5696,file=/c.iso,format=raw -device ide-cd,id=ide-5696,drive=ide-5696,bus=ide.1,unit=1',
    ],
    [
      'a vhd',
      { vdev: 'hdb', path: '/d.vhd', format: 'vhd', readOnly: false, isCdrom: false },
      'format=vpc',
    ],
  ] as const)('has %s', (_what, disk, expected) => {
    expect(argsOf({ disks: [disk] })).toContain(expected);
  });

  test('leaves disks that are paravirtual only to their drivers', () => {
    const disk = {
      vdev: 'xvde',
      path: '/e',
      format: 'raw',
      readOnly: false,
      isCdrom: false,
    } as const;
    expect(argsOf({ disks: [disk] })).not.toContain('/e');
  });

  test('doubles the commas of a path, so that it cannot become an option', () => {
    const disk = {
      vdev: 'hda',
      path: '/a,file=/etc/shadow',
      format: 'raw',
      readOnly: false,
      isCdrom: false,
    } as const;
    expect(argsOf({ disks: [disk] })).toContain('file=/a,,file=/etc/shadow,format=raw');
  });

  test('names the tap device of a card', () => {
    const nic = { devid: 0, mac: '00:16:3e:00:00:01', model: 'e1000', bridge: 'xenbr0' } as const;
    expect(argsOf({ nics: [nic] })).toContain(
      'ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no',
    );
  });

  test('has a sound card where one is asked for', () => {
    expect(argsOf({ sound: 'hda' })).toContain(' -device intel-hda -device hda-duplex ');
    expect(argsOf({ sound: 'ac97' })).toContain(' -device AC97 ');
    expect(argsOf({ guestType: 'pv', sound: 'ac97' })).not.toContain('AC97');
  });

  test('starts a kernel directly', () => {
    const directKernel = { kernelPath: '/k', ramdiskPath: '/r', cmdline: 'console=ttyS0' };
    expect(argsOf({ directKernel, serials: ['pty'] })).toContain(
      '-kernel /k -initrd /r -append console=ttyS0',
    );
  });

  test('goes on from saved state by a descriptor', () => {
    expect(argsOf({ statePath: '/s' })).toContain('-incoming fd:3');
  });

  test.each<[string, Partial<DeviceModelConfig>]>([
    [
      'a read-only IDE disk',
      { disks: [{ vdev: 'hda', path: '/a', format: 'raw', readOnly: true, isCdrom: false }] },
    ],
    ['a boot order of other letters', { bootOrder: 'xyz' }],
    ['a name with a newline', { name: 'a\nb' }],
  ])('is refused with %s', (_what, change) => {
    expect(() => argsOf(change)).toThrow(expect.objectContaining({ code: 'CONFIG_BAD_VALUE' }));
  });
});
