import { describe, expect, test } from '@jest/globals';
import { vmUuid } from '@xenops/core/ids';
import { parseConfig, resolveNics } from '../config/index.ts';
import { domainSpec, ignoredKeys } from './domain-spec.ts';

const uuid = vmUuid('11111111-2222-3333-4444-555555555555');

function specOf(text: string) {
  const { config } = parseConfig(text);
  return domainSpec(config, {
    uuid,
    nics: resolveNics(config.nics, { uuid, randomMac: () => '00:16:3e:00:00:01' }),
  });
}
const PV = 'memory=64\nkernel=/k\n';
const HVM = 'memory=64\nhvm=true\n';
const STUB = 'stubdom=99999999-2222-3333-4444-555555555555\n';

describe('what a domain is made of', () => {
  test('a PV guest: its kernel, its disks, its interfaces', () => {
    expect(
      specOf(
        `${PV}cmdline=quiet\nname=x\ndisk=/d.qcow2:qcow2:xvda:w:disk:\nnic=bridge=br0,mac=00:16:3e:00:00:07`,
      ).domain,
    ).toMatchObject({
      uuid,
      name: 'x',
      build: { kind: 'pv', memoryKib: 65_536, vcpus: 1, kernelPath: '/k', cmdline: 'quiet' },
      disks: [{ vdev: 'xvda', target: '/d.qcow2', format: 'qcow2', readOnly: false }],
      nics: [{ devid: 0, mac: '00:16:3e:00:00:07', network: { kind: 'bridge', bridge: 'br0' } }],
    });
  });

  test('a PVH guest gets further files', () => {
    expect(specOf(`${PV}type=pvh\nmodule=/m`).domain.build).toMatchObject({
      kind: 'pvh',
      modules: [{ path: '/m' }],
    });
  });

  test('an HVM guest: platform nodes, of which the key platform has the last word', () => {
    const { build } = specOf(`${HVM}acpi=true\napic=true\nplatform=apic=0\nplatform=x=y`).domain;
    expect(build.platform).toMatchObject({ acpi: '1', acpi_s3: '1', apic: '0', pae: '0', x: 'y' });
  });

  test('a drive without a medium is there where a device model has a tray', () => {
    const drive = 'disk=:file:hdc:r:cdrom:';
    expect(specOf(`${HVM}${drive}`).domain.disks).toMatchObject([{ vdev: 'hdc', target: '' }]);
    expect(specOf(`${PV}${drive}`).domain.disks).toEqual([]);
  });

  test('a screen: display numbers, ports, the first free one, none', () => {
    const display = (text: string) => specOf(`${HVM}display=${text}`).model.vnc;
    expect(display('vnc:port=3')).toEqual({ display: 3 });
    expect(display('vnc:port=5901,listen=0.0.0.0')).toEqual({ display: 1, listen: '0.0.0.0' });
    expect(display('vnc:use-port-unused')).toEqual({});
    expect(display('none')).toBeUndefined();
  });

  test('cards: of the screen, for sound, for a network', () => {
    const { model, domain } = specOf(
      `${HVM}sound=hda\nextra-hvm=std-vga=\nnic=bridge=br0,model=virtio-net\nnic=bridge=br0`,
    );
    expect(model).toMatchObject({ card: 'std', sound: 'hda' });
    expect(domain.nics).toMatchObject([
      { isEmulated: true, emulatedCard: 'virtio-net-pci' },
      { isEmulated: true },
    ]);
    expect(domain.nics[1]).not.toHaveProperty('emulatedCard');
    expect(specOf(`${HVM}video-card=none\nextra-hvm=std-vga=`).model.card).toBe('none');
    expect(specOf(HVM).model).toMatchObject({ card: undefined, sound: undefined });
  });

  test("the host's firmware tables", () => {
    expect(specOf(`${HVM}smbios-pt=true\nsmbios-oem-types-pt=129,221`).domain.build).toMatchObject({
      hostTables: { smbios: true, oemTypes: [129, 221], acpi: false },
    });
    expect(specOf(`${HVM}acpi-pt=true`).domain.build).toMatchObject({ hostTables: { acpi: true } });
    expect(specOf(HVM).domain.build).toMatchObject({ hostTables: undefined });
  });

  test('a stub domain: its image, and what its qemu is to be', () => {
    expect(specOf(`${HVM}${STUB}stubdom-memory=64\nboot=d\nsound=ac97`).stub).toEqual({
      uuid: '99999999-2222-3333-4444-555555555555',
      kernelPath: '/usr/lib/xen/boot/stubdomain-bzImage',
      ramdiskPath: '/usr/lib/xen/boot/stubdomain-initramfs',
      cmdline: 'init=/init xen_blkfront.max=8',
      memoryKib: 65_536,
      model: { bootOrder: 'd', card: undefined, sound: 'ac97', usbTablet: true, extraArgs: [] },
    });
    expect(specOf(HVM).stub).toBeUndefined();
    expect(specOf(`${PV}${STUB}`).stub).toBeUndefined();
  });

  test("a manager's agent is no path of qemu", () => {
    expect(specOf(`${HVM}qemu-dm-path=/usr/sbin/dm-agent`).model.qemuPath).toBeUndefined();
    expect(specOf(`${HVM}dm-restrict=true`).domain.build).toMatchObject({ isModelConfined: true });
    expect(specOf(`${HVM}qemu-dm-path=/opt/qemu-system-i386`).model.qemuPath).toBe(
      '/opt/qemu-system-i386',
    );
  });
});

describe('what cannot be given is refused, not left out', () => {
  test.each([
    ['a PCI device of a PVH guest', `${PV}type=pvh\npci=0,0000:00:1b.0`, 'VM_NOT_SUPPORTED'],
    ['a PCI device with a stub domain', `${HVM}${STUB}pci=0,0000:00:1b.0`, 'VM_NOT_SUPPORTED'],
    ['a stub domain with a user', `${HVM}${STUB}dm-restrict=true`, 'VM_NOT_SUPPORTED'],
    ['no memory', 'kernel=/k', 'VM_CONFIG_INCOMPLETE'],
    ['no kernel', 'memory=64', 'VM_CONFIG_INCOMPLETE'],
    ['a network without a bridge', `${PV}nic=network=/wired/0`, 'VM_CONFIG_INCOMPLETE'],
  ])('%s', (_what, text, code) => {
    expect(() => specOf(text)).toThrow(expect.objectContaining({ code }));
  });
});

test('what Xen fixes at the creation is said where it is not its own choice', () => {
  expect(specOf(HVM).limits).toBeUndefined();
  expect(specOf(`${HVM}hap=no\nnested=yes`).limits).toEqual({ hap: false, nestedVirt: true });
  expect(specOf(`${PV}hap=no`).limits).toBeUndefined();
});

test('keys without effect are known for the log', () => {
  const { config } = parseConfig(`${HVM}sound=loud\nextra-hvm=vgpu\nnic=bridge=br0,model=ne2000`);
  expect(ignoredKeys(config)).toEqual(['sound', 'nic (model)', 'extra-hvm']);
  expect(ignoredKeys(parseConfig(`${HVM}dm-restrict=true`).config)).toEqual([]);
  expect(ignoredKeys(parseConfig(`${PV}dm-restrict=true`).config)).toEqual(['dm-restrict']);
  const usual = parseConfig(
    `${HVM}vcpus=2\ncores-per-socket=2\npower-management=2\nextra-hvm=std-vga=\nextra-hvm=surfman=`,
  ).config;
  expect(ignoredKeys(usual)).toEqual([]);
});
