import { describe, expect, test } from '@jest/globals';
import { EMPTY_FOLDER } from '../db/tree.ts';
import { Draft } from '../db/view.ts';
import {
  DISK_PROPERTIES,
  NIC_PROPERTIES,
  VM_UNRESTRICTED_PROPERTIES,
} from '../properties/properties.ts';
import type { StoredRow, StoredValue } from '../properties/property-row.ts';
import { writeStored } from '../properties/stored-properties.ts';
import type { BootFacts } from './facts.ts';
import { generatedMac } from './mac.ts';
import { renderVmConfig } from './vm-config.ts';

const UUID = 'a1b2c3d4-0000-4000-8000-00000000abcd';
const BASE = `/vm/${UUID}`;

const FACTS: BootFacts = {
  networks: new Map([
    ['/wired/0/bridged', { bridge: 'brbridged', isWireless: false }],
    ['/wireless/0/shared', { bridge: 'brwireless', isWireless: true }],
  ]),
  nicBackends: new Map([[0, 2]]),
  pciDevices: [],
  cdDrives: ['1:0:0:0'],
  keyFolders: [],
  missingImages: new Set(),
  stubdomUuid: 'b1b2c3d4-0000-4000-8000-00000000abcd',
};

/** A database with one VM that has a disk, two NICs, and these settings. */
function database(vm: Record<string, unknown> = {}): Draft {
  const draft = new Draft(EMPTY_FOLDER);
  const config = {
    memory: 1024,
    'virt-type': 'hvm',
    sound: 'ac97',
    disk: { 0: { path: '/storage/disks/demo.vhd', type: 'vhd', device: 'hda', mode: 'w' } },
    nic: { 0: { network: 'brbridged' }, 3: { network: '/wireless/0/shared', mac: 'auto' } },
  };
  draft.inject(BASE, JSON.stringify({ uuid: UUID, type: 'svm', name: 'demo', config }));
  for (const [key, value] of Object.entries(vm)) {
    draft.inject(`${BASE}/${key}`, JSON.stringify(value));
  }
  return draft;
}

function render(draft: Draft, facts: Partial<BootFacts> = {}): readonly string[] {
  return renderVmConfig(draft, UUID, { ...FACTS, ...facts })
    .split('\n')
    .slice(0, -1);
}

function linesOf(key: string, lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.startsWith(`${key}=`));
}

describe('a configuration', () => {
  test('has what the service says for every VM, then its devices, then its hardware', () => {
    expect(render(database())).toEqual([
      `uuid=${UUID}`,
      'power-management=2',
      'startup=poweroff',
      'extra-local-watch=power-state',
      'on_restart=preserve',
      'qemu-dm-timeout=30',
      'xci-cpuid-signature=false',
      'hvm=true',
      'notify=dbus',
      'disk=/storage/disks/demo.vhd:vhd:hda:w:disk::',
      `vif=id=0,network=/wired/0/bridged,bridge=brbridged,backend-domid=2,mac=${generatedMac(0, UUID)}`,
      `vif=id=3,network=/wireless/0/shared,bridge=brwireless,backend-domid=0,mac=${generatedMac(3, UUID)}`,
      'extra-hvm=std-vga=',
      'extra-hvm=surfman=',
      'videoram=16',
      'extra-hvm=cdrom-pt-exclusive=/dev/bsg/1:0:0:0',
      'memory=1024',
      'memory-max=1024',
      'sound=ac97',
      'vcpus=1',
      'cores-per-socket=1',
      'hpet=1',
      'timer-mode=1',
    ]);
  });

  test('of a PV service VM has its name and kernel and no graphics', () => {
    const lines = render(
      database({ type: 'ndvm', 'config/virt-type': 'pv', 'config/kernel': '/boot/vmlinuz' }),
    );
    expect(lines).toEqual(
      expect.arrayContaining(['name=demo', 'hvm=false', 'kernel=/boot/vmlinuz', 'videoram=0']),
    );
    expect(lines).not.toContain('extra-hvm=std-vga=');
  });

  test('of a PVH VM says so, and has the kernel and ramdisk from its disk, whatever is configured', () => {
    const pvh = database({ 'config/virt-type': 'pvh' });
    for (const name of ['kernel', 'initrd']) pvh.write(`${BASE}/config/${name}`, `/boot/${name}`);
    expect(render(pvh)).toEqual(
      expect.arrayContaining(['type=pvh', 'kernel=/boot/kernel', 'initrd=/boot/initrd']),
    );
    const lines = render(pvh, { extractedKernel: '/run/k', extractedRamdisk: '/run/r' });
    expect(linesOf('kernel', lines)).toEqual(['kernel=/run/k']);
    expect(linesOf('initrd', lines).at(-1)).toBe('initrd=/run/r');
  });

  test('has a name that a domain can have', () => {
    expect(render(database({ type: 'uivm', name: 'User interface/1' }))).toContain(
      'name=User-interface-1',
    );
  });

  test('leaves out disks that are disabled or whose image is not there', () => {
    const draft = database({
      'config/disk/1': { path: '/a.iso', type: 'file', device: 'hdc', mode: 'r', devtype: 'cdrom' },
      'config/disk/2': { path: '/gone.vhd', type: 'vhd', device: 'hdb' },
      'config/disk/10': { path: '/b', type: 'phy', device: 'xvda', enable: 'false' },
    });
    expect(
      linesOf(
        'disk',
        render(draft, {
          keyFolders: ['/k1', '/k2'],
          missingImages: new Set(['/gone.vhd']),
          environmentImage: '/var/lib/ovf/env.iso',
        }),
      ),
    ).toEqual([
      'disk=/var/lib/ovf/env.iso:file:hdd:r:cdrom::',
      'disk=/storage/disks/demo.vhd:vhd:hda:w:disk::key-dir=/k1,/k2',
      'disk=/a.iso:file:hdc:r:cdrom::',
    ]);
  });

  test('gives PCI devices to the guest in one group', () => {
    const pciDevices = [
      { address: '0000:00:02.0', msiTranslate: true },
      { address: '0000:00:19.0', guestSlot: 16 },
    ];
    expect(linesOf('pci', render(database(), { pciDevices }))).toEqual([
      'pci=0,bind,0000:00:02.0,msitranslate=1',
      'pci=0,bind,0000:00:19.0,guest_slot=16',
    ]);
  });

  test('can have one core per socket', () => {
    const lines = render(database({ 'config/vcpus': 4, 'config/cores-per-socket': 1 }));
    expect(lines).toEqual(expect.arrayContaining(['vcpus=4', 'cores-per-socket=1']));
    expect(render(database({ 'config/vcpus': 4 }))).toContain('cores-per-socket=4');
  });

  test("ends with the administrator's own lines before the timers", () => {
    const lines = render(database({ 'config/extra-xenvm': ['v4v=true', 'nothing', 'a = b=c'] }));
    expect(lines.slice(-4)).toEqual(['v4v=true', 'a=b=c', 'hpet=1', 'timer-mode=1']);
  });

  test('is never less than its memory', () => {
    const lines = render(database({ 'config/memory-static-max': 512 }));
    expect(lines).toEqual(expect.arrayContaining(['memory=1024', 'memory-max=1024']));
  });
});

describe('policies', () => {
  const without = (policy: string): readonly string[] =>
    render(database({ [`policies/${policy}`]: 'false' }));

  test.each([
    ['wired-networking', 'vif', 1],
    ['wireless-networking', 'vif', 1],
    ['cd-access', 'extra-hvm=cdrom-pt-exclusive', 0],
    ['cd-rec', 'extra-hvm=cdrom-pt-ro-exclusive', 1],
    ['audio-access', 'sound', 0],
    ['audio-rec', 'extra-hvm=disable-audio-rec', 1],
  ])('without %s there are so many lines %s: %d', (policy, key, count) => {
    expect(linesOf(key, without(policy))).toHaveLength(count);
  });

  test('a NIC on an unknown network counts as wired', () => {
    const facts = { networks: new Map() };
    expect(linesOf('vif', render(database(), facts))).toHaveLength(2);
    const denied = database({ 'policies/wired-networking': 'false' });
    expect(linesOf('vif', render(denied, facts))).toEqual([]);
  });
});

describe('what cannot stand in a configuration is refused by the name of its line', () => {
  test.each([
    ['config/cmdline', 'a\nextra-hvm=b', 'cmdline'],
    ['config/disk/0/path', '/a:b', 'disk'],
    ['config/disk/0/path', '/a\n', 'disk'],
    ['config/nic/0/network', '/a,bridge=b', 'vif'],
    ['config/extra-xenvm', ['a=b\nc=d'], 'a'],
  ])('%s', (key, value, line) => {
    expect(() => render(database({ [key]: value }))).toThrow(
      expect.objectContaining({
        code: 'CONFIG_BAD_VALUE',
        context: expect.objectContaining({ key: line }),
      }),
    );
  });
});

test('addresses are those that the monitor derives', () => {
  expect(generatedMac(0, '00000000-0000-0000-0000-000000000002')).toBe('fe:e6:f3:ea:c3:ce');
  expect(generatedMac(1, UUID)).toBe('d2:de:3e:42:ff:83');
});

test('a VM without graphics has neither a display nor a card, in words that the monitor knows', () => {
  const text = render(database({ 'config/virt-type': 'hvm', 'config/display': 'nogfx' }));
  expect([linesOf('display', text), linesOf('video-card', text)]).toEqual([
    ['display=none'],
    ['video-card=none'],
  ]);
  expect(text).not.toContain('std-vga');
});

/** What to change beside a property for it to matter. */
const SETTINGS: Readonly<Record<string, Record<string, unknown>>> = {
  kernel: { 'config/virt-type': 'pv' },
  name: { type: 'ndvm' },
  os: { 'config/nic/0/wireless-driver': 'true' },
};

const VALUES: Readonly<Record<string, StoredValue>> = {
  os: 'linux',
  type: 'ndvm',
  gpu: 'hdx',
  'virt-type': 'pv',
  'timer-mode': 'no_missed_ticks_pending',
  boot: 'dc',
  'passthrough-io': '0x10-0x20',
  'passthrough-mmio': '0x1000-0x2000',
  display: 'vnc',
};

function otherValue(row: StoredRow): StoredValue {
  const chosen = VALUES[row.name];
  if (chosen !== undefined) return chosen;
  if (row.type === 'b') return row.xenvm === undefined ? row.default === false : true;
  return row.type === 'i' ? 2048 >> (row.name === 'memory-static-max' ? 0 : 4) : '/x';
}

describe('a property reaches the line that its row names:', () => {
  const rows = VM_UNRESTRICTED_PROPERTIES.flatMap((row) =>
    row.kind === 'stored' && (row.xenvm ?? row.partOf) !== undefined ? [row] : [],
  );

  test.each(rows.map((row) => [row.name, row] as const))('%s', (name, row) => {
    const before = database(SETTINGS[name]);
    const after = database(SETTINGS[name]);
    writeStored(after, { base: BASE, rows: VM_UNRESTRICTED_PROPERTIES }, row, otherValue(row));
    const key = row.xenvm ?? row.partOf ?? '';
    expect(linesOf(key, render(after))).not.toEqual(linesOf(key, render(before)));
  });
});

describe('a property of a device reaches the line that its row names:', () => {
  const VALUES_OF_DEVICES: Readonly<Record<string, StoredValue>> = {
    devtype: 'cdrom',
    'phys-type': 'raw',
    mode: 'r',
    'virt-path': 'hdb',
    snapshot: 'coalesce',
    mac: '00:16:3e:00:00:09',
    network: '/wireless/0/shared',
  };
  const kinds = [
    { kind: 'disk', rows: DISK_PROPERTIES },
    { kind: 'nic', rows: NIC_PROPERTIES },
  ];
  const rows = kinds.flatMap(({ kind, rows: table }) =>
    table.flatMap((row) =>
      row.kind === 'stored' && row.partOf !== undefined
        ? [{ kind, table, row, name: row.name }]
        : [],
    ),
  );

  test.each(rows)('$kind $name', ({ kind, table, row }) => {
    const [before, after] = [database(), database()];
    const value = VALUES_OF_DEVICES[row.name] ?? otherValue(row);
    writeStored(after, { base: `${BASE}/config/${kind}/0`, rows: table }, row, value);
    const key = row.partOf ?? '';
    expect(linesOf(key, render(after))).not.toEqual(linesOf(key, render(before)));
  });
});
