import { describe, expect, test } from '@jest/globals';
import { vmUuid } from '@xenops/core/ids';
import { defaultConfig } from './config-keys.ts';
import { parseConfig } from './parse-config.ts';
import { refusing, renderProblem } from './problem.ts';

const NEEDED = 'memory=64\nkernel=/boot/vmlinuz\n';
const configOf = (text: string) => parseConfig(`${NEEDED}${text}`).config;
const problemsOf = (text: string) =>
  parseConfig(`${NEEDED}${text}`).problems.map(
    ({ line, column, kind, key }) => `${line - 2}:${column} ${kind} ${key}`,
  );

/** What the manager wrote before each start, as the reference tells it. */
const MANAGERS_FILE = `uuid=11111111-2222-3333-4444-555555555555
power-management=2
startup=poweroff
extra-local-watch=power-state
on_restart=preserve
qemu-dm-path=/usr/sbin/dm-agent
qemu-dm-timeout=30
xci-cpuid-signature=true
oem-features=1
name=desktop
kernel=/usr/lib/xen/boot/hvmloader
disk=/storage/iso/null.iso:file:hdc:r:cdrom:
disk=/storage/disks/a.vhd:vhd:hda:w:disk::key-dir=/config/platform-crypto-keys
disk=/storage/disks/b.vhd:vhd:hdb:w:disk:temporary:
vif=id=0,network=/wired/0,bridge=brbridged,backend-domid=3
vif=id=1,network=/wifi/0,bridge=,backend-domid=3,wireless=true,mac=00:16:3e:11:22:33
pci=0,bind,0000:00:1b.0,msitranslate=1
pci=0,bind,0000:00:02.0,guest_slot=2
extra-hvm=std-vga=
extra-hvm=cdrom-pt-ro-exclusive=/dev/bsg/1:0:0:0
time-offset=-3600
videoram=16
memory=1024
memory-max=2048
smbios-oem-types-pt=129,130
smbios-pt=true
sound=ac97
cores-per-socket=2
stubdom=99999999-2222-3333-4444-555555555555
cpuid=0x1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxx0xxxxx
usb=false
platform=restrictdisplaydepth=1
hpet=0
timer-mode=1
nested=true
notify=dbus
hvm=true
pae=true
acpi=true
apic=true
viridian=true
nx=true
display=none
boot=cd
vcpus=2
hap=true
v4v=true
passthrough-io=0x3f8-0x3ff
flask-label=system_u:system_r:hvm_guest_t
serial=none
`;

describe("a manager's file", () => {
  test('is taken whole, with one remark about a key that has no effect', () => {
    const { config, problems } = parseConfig(MANAGERS_FILE);
    expect(problems.map((problem) => renderProblem(problem, 'FILE'))).toEqual([
      'config warning: usb: The key has no effect (FILE:31:1)',
    ]);
    expect(refusing(problems, 'normal')).toEqual([]);
    expect(config).toMatchObject({
      uuid: '11111111-2222-3333-4444-555555555555',
      hvm: true,
      memoryKib: 1_048_576,
      memoryMaxKib: 2_097_152,
      videoRamKib: 16_384,
      onRestart: 'preserve',
      startup: { kind: 'shutdown' },
      timeOffsetSeconds: -3600,
      hpet: 0,
      smbiosOemTypes: [129, 130],
      notify: { kind: 'dbus' },
      display: { kind: 'none' },
      localWatches: ['power-state'],
      ioPorts: [{ first: 0x3f8, last: 0x3ff }],
      platform: [{ key: 'restrictdisplaydepth', value: '1' }],
    });
  });

  test('brings its devices in the order of the file', () => {
    const { config } = parseConfig(MANAGERS_FILE);
    expect(config.disks).toMatchObject([
      { target: '/storage/iso/null.iso', type: 'file', vdev: 'hdc', isCdrom: true, readOnly: true },
      { vdev: 'hda', snapshot: 'none', keyFolders: ['/config/platform-crypto-keys'] },
      { vdev: 'hdb', snapshot: 'temporary', readOnly: false },
    ]);
    expect(config.nics).toMatchObject([
      { devid: 0, network: '/wired/0', backendDomid: 3, mac: { kind: 'vm' } },
      { devid: 1, isWireless: true, mac: { kind: 'given', mac: '00:16:3e:11:22:33' } },
    ]);
    expect(config.pci).toEqual([
      {
        group: 0,
        bind: true,
        address: { segment: 0, bus: 0, slot: 0x1b, func: 0 },
        msitranslate: 1,
      },
      { group: 0, bind: true, address: { segment: 0, bus: 0, slot: 2, func: 0 }, guestSlot: 2 },
    ]);
  });
});

describe('the grammar of lines', () => {
  test('trims blanks and carriage returns, and splits at the first =', () => {
    expect(configOf('\t name \t=  x \r\n').name).toBe('x');
    expect(configOf('cmdline = a = b # c').cmdline).toBe('a = b # c');
    expect(configOf('cmdline="quoted"').cmdline).toBe('"quoted"');
  });

  test('skips blank lines and comments', () => {
    expect(problemsOf('\n   \n  # name = x\n#\n')).toEqual([]);
  });

  test('a list grows in the order of the file', () => {
    expect(configOf('extra-vm-watch=b\nextra-vm-watch=a\n').vmWatches).toEqual(['b', 'a']);
  });

  test.each([
    ['10', 10],
    ['0x10', 16],
    ['0o17', 15],
    ['0b1_1', 3],
    ['1_0', 10],
  ])('reads %s as a number', (text, value) => {
    expect(configOf(`vcpus=${text}`).vcpus).toBe(value);
  });

  test.each(['1', 'y', 'YES', 'True'])('takes %s for yes, in every boolean key', (word) => {
    expect(configOf(`hvm=${word}\ndebug=${word}\nnic=wireless=${word}`)).toMatchObject({
      hvm: true,
      debug: true,
      nics: [{ isWireless: true }],
    });
  });
});

describe('what is wrong', () => {
  test('is told all at once, each with line and column, in the order of the file', () => {
    expect(
      problemsOf(
        'nmae = x\n  vcpus = many\njust words\n = 1\ndisk=/a:phy:xvda:w:disk\nhap=maybe\n',
      ),
    ).toEqual([
      '1:1 unknown-key nmae',
      '2:11 bad-value vcpus',
      '3:1 malformed-line "just"',
      '4:2 malformed-line =',
      '5:6 bad-value disk',
      '6:5 bad-value hap',
    ]);
  });

  test.each([
    ['disk=/a:phy:xvda:x:disk:', 18],
    ['disk=/a:ufs:xvda:w:disk:', 9],
    ['disk=/a:vdi:xvda:w:disk:', 9],
    ['disk=/a:phy:xvda:w:disk::backend-domid=two', 40],
    ['disk=/a:phy:xvda:w:disk::nonsense', 26],
    ['nic=id=0,mac=01:00:5e:00:00:01', 14],
    ['nic=id=99', 8],
    ['nic=lonely', 5],
    ['pci=0,0000:00:20.0', 7],
    ['cpuid=1:eax=0x100000000', 13],
    ['cpus-affinity=0:5-2', 17],
    ['passthrough-io=0x60-0x10', 21],
    ['startup=restore relative', 17],
    ['display=vnc:port=abc', 18],
    ['notify=tcp,300.1.1.1:80', 8],
  ])('%s is pointed at in column %i', (line, column) => {
    expect(parseConfig(`${NEEDED}${line}`).problems).toMatchObject([
      { kind: 'bad-value', line: 3, column },
    ]);
  });

  test('a name that was misspelled is recognised', () => {
    expect(parseConfig(`${NEEDED}timeoffset=3`).problems[0]?.message).toContain('time-offset');
  });

  test('a line that is wrong has no effect, the others have', () => {
    expect(configOf('vcpus=2\nvcpus=many\n').vcpus).toBe(2);
  });

  test('the last of two lines with one value counts, and that is remarked', () => {
    const text = `${NEEDED}vcpus=2\nvcpus=3\n`;
    expect(parseConfig(text).config.vcpus).toBe(3);
    expect(parseConfig(text).problems).toMatchObject([
      { kind: 'repeated-key', severity: 'warning', line: 4 },
    ]);
  });

  test('a secret is in no message, not even a misspelled one', () => {
    const secret = 'hunter2-and-far-too-long';
    const { problems } = parseConfig(
      `${NEEDED}vnc-password=${secret}\nvnc-pasword=${secret}\nvnc-password ${secret}\n`,
    );
    expect(problems).toHaveLength(3);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  test('a file of a megabyte is refused unread', () => {
    const { problems, config } = parseConfig('#'.repeat((1 << 20) + 1));
    expect(problems).toMatchObject([{ severity: 'error', line: 0 }]);
    expect(config).toEqual(defaultConfig({ hasFile: true }));
  });
});

describe('what does not go together', () => {
  test.each([
    ['memory is missing', 'kernel=/k', 'missing-key memory'],
    ['a PV guest has no kernel', 'memory=1', 'missing-key kernel'],
    ['the maximum is less than the memory', `${NEEDED}memory-max=32`, 'conflict memory-max'],
    ['hvm says another type', `${NEEDED}type=pvh\nhvm=true`, 'conflict type'],
    ['more vcpus are online than there are', `${NEEDED}vcpus-online=2`, 'conflict vcpus-online'],
    ['a vcpu that is not there is pinned', `${NEEDED}cpus-affinity=1:0`, 'conflict cpus-affinity'],
    [
      'two disks have one name',
      `${NEEDED}disk=/a:phy:xvda:w:disk:\ndisk=/b:phy:xvda:w:disk:`,
      'conflict disk',
    ],
    ['two nics have one number', `${NEEDED}nic=id=3\nvif=id=3`, 'conflict nic'],
    [
      'a PCI device is given twice',
      `${NEEDED}pci=0,0:0:1.0\npci=1,bind,0000:00:01.0`,
      'conflict pci',
    ],
    [
      'ranges overlap',
      `${NEEDED}passthrough-io=1-5\npassthrough-io=5-6`,
      'conflict passthrough-io',
    ],
    [
      'a disk that is no vhd has keys inside',
      `${NEEDED}disk=/a:phy:xvda:w:disk::key-dir=/k`,
      'bad-value disk',
    ],
    [
      'a disk without layers has snapshots',
      `${NEEDED}disk=/a:phy:xvda:w:disk:temporary`,
      'bad-value disk',
    ],
    ['a CD drive can be written', `${NEEDED}disk=/a:file:hdc:w:cdrom:`, 'bad-value disk'],
  ])('is an error when %s', (_why, text, expected) => {
    const { problems } = parseConfig(text);
    expect(problems.map(({ kind, key }) => `${kind} ${key}`)).toEqual([expected]);
    expect(refusing(problems, 'normal')).toHaveLength(1);
  });
});

describe('how strict the monitor is', () => {
  const { problems } = parseConfig(`${NEEDED}colour=red\nvcpus=none\n`);
  test.each([
    ['lenient', 0],
    ['normal', 1],
    ['strict', 2],
  ] as const)('%s refuses for %i of an error and a warning', (strictness, count) => {
    expect(refusing(problems, strictness)).toHaveLength(count);
  });

  test('a message starts as it always did and ends with its place', () => {
    expect(problems.map((problem) => renderProblem(problem, '/etc/vm.cfg'))).toEqual([
      'config warning: colour: There is no such key (/etc/vm.cfg:3:1)',
      'config error: vcpus: "none" is no whole number from 1 to 512 (/etc/vm.cfg:4:7)',
    ]);
  });
});

describe('small grammars', () => {
  test.each([
    [
      'startup=restore /a b:c',
      'startup',
      { kind: 'restore', imagePath: '/a b:c', deleteImage: false },
    ],
    ['startup=restore-del /x', 'startup', { kind: 'restore', imagePath: '/x', deleteImage: true }],
    ['startup=start', 'startup', { kind: 'started' }],
    ['notify=tcp,127.0.0.1:80', 'notify', { kind: 'tcp', host: '127.0.0.1', port: 80 }],
    ['notify=tcp6,[::1]:80', 'notify', { kind: 'tcp', host: '::1', port: 80 }],
    ['notify=unix,/run/x', 'notify', { kind: 'unix', path: '/run/x' }],
    ['notify=dbus,whatever', 'notify', { kind: 'dbus' }],
    ['notify=none', 'notify', undefined],
    ['output=var/log/x', 'outputPath', '/var/log/x'],
    [
      'display=vnc:use-port-unused,port=5,keymap=de',
      'display',
      { kind: 'vnc', usePortUnused: true, port: 5, keymap: 'de' },
    ],
    ['cpus-affinity=0:3,1-2', 'affinity', [{ vcpu: 0, cpus: [1, 2, 3] }]],
    ['initrd=', 'ramdiskPath', undefined],
    ['platform=a', 'platform', [{ key: 'a', value: undefined }]],
    ['flask-label=system_u:system_r:domU_t', 'flaskLabel', 'system_u:system_r:domU_t'],
  ] as const)('%s', (line, field, value) => {
    const { config, problems } = parseConfig(`${NEEDED}${line}`);
    expect(problems).toEqual([]);
    expect(config[field]).toEqual(value);
  });

  test('every line of cpuid counts, hexadecimal masks too', () => {
    const config = configOf('cpuid=1:eax=0x3\ncpuid=0xd+1:ebx=' + 'k'.repeat(32));
    expect(config.cpuid).toEqual([
      { leaf: 1, eax: '0'.repeat(30) + '11' },
      { leaf: 13, subleaf: 1, ebx: 'k'.repeat(32) },
    ]);
  });

  test('a uuid becomes lower case', () => {
    expect(configOf('uuid=AAAAAAAA-0000-0000-0000-000000000001').uuid).toBe(
      vmUuid('aaaaaaaa-0000-0000-0000-000000000001'),
    );
  });
});

test('without a file nothing is started, and the stub domain has its 128 MiB', () => {
  expect(defaultConfig({ hasFile: false })).toMatchObject({
    startup: { kind: 'shutdown' },
    memoryKib: undefined,
    stubdomMemoryKib: 131_072,
  });
});
