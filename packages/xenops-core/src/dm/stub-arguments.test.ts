import { describe, expect, test } from '@jest/globals';
import { domid } from '../ids.ts';
import type { DeviceModelConfig } from './config.ts';
import { stubArguments, stubDevices } from './stub-arguments.ts';

const [GUEST, STUB] = [domid(7), domid(8)];
const CONFIG: DeviceModelConfig = {
  domid: GUEST,
  name: 'win',
  guestType: 'hvm',
  memoryKib: 504 * 1024,
  vcpus: 1,
  onlineVcpus: 1,
  videoMemoryKib: 8192,
  vnc: { password: 'secret' },
  serials: ['pty'],
  disks: [
    { vdev: 'hda', path: '/images/a.qcow2', format: 'qcow2', readOnly: false, isCdrom: false },
    { vdev: 'hdc', path: '', format: 'raw', readOnly: true, isCdrom: true },
  ],
  nics: [{ devid: 0, mac: '00:16:3e:00:00:01', model: 'e1000', bridge: 'xenbr0' }],
};

describe('the qemu in a stub domain', () => {
  const args = stubArguments(CONFIG);

  test('finds the disks of the guest as its own and raw, and the serial port as a console', () => {
    expect(args).toContain('if=ide,index=0,media=disk,file=/dev/xvda,format=raw,cache=writeback');
    expect(args).toContain('if=none,readonly=on,id=ide-5632');
    expect(args[args.indexOf('-serial') + 1]).toBe('/dev/hvc3');
  });

  test('is told of no file, socket or screen of Dom0', () => {
    expect(args.join(' ')).not.toMatch(/\/images|\/run\/|-mon|secret/);
    expect(args[args.indexOf('-vnc') + 1]).toBe('none');
  });
});

describe('a stub domain', () => {
  const mac = '00:16:3e:00:00:01';
  const network = { kind: 'bridge', bridge: 'xenbr0' } as const;
  const devices = stubDevices(
    STUB,
    {
      disks: [{ vdev: 'hda', target: '/images/a.qcow2', format: 'qcow2', readOnly: false }],
      nics: [
        { devid: 0, mac, network, isEmulated: true, vifname: 'win0' },
        { devid: 1, mac, network },
      ],
    },
    '/var/lib/xen/qemu-save.7',
  );

  test('has the disks of its guest, and the interfaces that the guest sees as cards', () => {
    const found = devices.map(
      ({ address }) => `${address.frontend} ${address.kind} ${address.devid}`,
    );
    expect(found.slice(0, 2)).toEqual(['8 vbd 768', '8 vif 0']);
    expect(devices[1]?.backendKeys).toMatchObject({ type: 'vif', vifname: 'win0-emu' });
  });

  test('has consoles for state and the serial port, which it cannot turn elsewhere', () => {
    const outputs = devices
      .slice(2)
      .map(({ frontendReadOnlyKeys }) => frontendReadOnlyKeys?.['output']);
    expect(outputs).toEqual(['file:/var/lib/xen/qemu-save.7', 'null', 'pty']);
  });
});
