import { describe, expect, test } from '@jest/globals';
import { command, type Command } from './commands/command.ts';
import {
  choice,
  DOMID,
  flag,
  MEMORY_KIB,
  optional,
  required,
  TEXT,
  withDefault,
  type Options,
} from './commands/option.ts';
import { COMMANDS, findCommand } from './commands/command-table.ts';
import { commandHelp, parseCommand } from './parse-command.ts';

function rowOf(options: Options): Command {
  return command({
    name: 'try_domain',
    aliases: ['try'],
    summary: 'try a domain',
    example: '-domid 7',
    changes: false,
    options,
    run: () => Promise.resolve(),
  });
}

const ROW = rowOf({
  domid: required(DOMID),
  memory: withDefault(MEMORY_KIB, 262_144),
  name: optional(TEXT),
  sync: flag('wait until it is done', 's'),
});
const CHOICE = rowOf({ reason: choice(['poweroff', 'reboot', 'suspend'] as const, 'why') });

describe('the values of a command', () => {
  test('are read by their rows', () => {
    const words = ['-domid', '7', '--memory=1G', '-name', 'alpine', '-sync'];
    expect(parseCommand(ROW, words)).toMatchObject({
      kind: 'run',
      values: { domid: 7, memory: 1_048_576, name: 'alpine', sync: true },
    });
  });

  test('that are left out have their defaults', () => {
    expect(parseCommand(ROW, ['-domid', '7'])).toEqual({
      kind: 'run',
      values: { domid: 7, memory: 262_144, name: undefined, sync: false },
      words: [],
      global: {
        connect: undefined,
        timeoutMs: undefined,
        json: false,
        debug: false,
        plan: false,
        verbose: false,
      },
    });
  });

  test('that are given twice are the last', () => {
    expect(parseCommand(ROW, ['-domid', '7', '-domid=8'])).toMatchObject({ values: { domid: 8 } });
  });

  test('of a short flag are understood', () => {
    expect(parseCommand(ROW, ['-domid', '7', '-s'])).toMatchObject({ values: { sync: true } });
  });

  test('that look like options are values all the same', () => {
    expect(parseCommand(ROW, ['-domid', '7', '-name', '-sync'])).toMatchObject({
      values: { name: '-sync', sync: false },
    });
  });

  test('of an option of two words are read like those of one', () => {
    const row = rowOf({ 'backend-domid': required(DOMID) });
    expect(parseCommand(row, ['-backend-domid', '7'])).toMatchObject({
      kind: 'run',
      values: { 'backend-domid': 7 },
    });
  });
});

describe('a choice', () => {
  test('is the last flag given', () => {
    expect(parseCommand(CHOICE, ['-reboot', '-poweroff'])).toMatchObject({
      values: { reason: 'poweroff' },
    });
    expect(parseCommand(CHOICE, ['-poweroff', '--reboot', '-poweroff', '-suspend'])).toMatchObject({
      values: { reason: 'suspend' },
    });
  });

  test('that is not made is a bad argument', () => {
    expect(parseCommand(CHOICE, [])).toMatchObject({
      kind: 'bad-argument',
      name: 'reason',
      cause: { message: expect.stringContaining('--poweroff, --reboot, --suspend') },
    });
  });

  test('is not remembered from one command line to the next', () => {
    parseCommand(CHOICE, ['-reboot']);
    expect(parseCommand(CHOICE, [])).toMatchObject({ kind: 'bad-argument' });
  });
});

describe('a bad argument', () => {
  test('is a required one that is missing', () => {
    expect(parseCommand(ROW, ['-memory', '1G'])).toMatchObject({
      kind: 'bad-argument',
      name: 'domid',
      cause: { message: expect.stringContaining('--domid') },
    });
  });

  test.each([
    ['domid', ['-domid', '']],
    ['domid', ['-domid', 'seven']],
    ['domid', ['-domid', '-1']],
    ['domid', ['-domid', '32752']],
    ['memory', ['-domid', '7', '-memory', 'lots']],
    ['timeout', ['-domid', '7', '-timeout', '0']],
    ['timeout', ['-domid', '7', '-timeout', 'soon']],
  ])('is a %s that cannot be read: %j', (name, words) => {
    expect(parseCommand(ROW, words)).toMatchObject({
      kind: 'bad-argument',
      name,
      cause: { code: 'CONFIG_BAD_VALUE' },
    });
  });
});

describe('a bad option', () => {
  test.each([
    ['that does not exist', ['-domid', '7', '--sideways']],
    ['that does not exist, with one dash', ['-domid', '7', '-sideways']],
    ['without its value', ['-domid']],
    ['that is a flag with a value', ['-domid', '7', '-sync=yes']],
    ['that is a word too many', ['-domid', '7', 'word']],
    ['that is a word too many after two dashes', ['-domid', '7', '--', '-sync']],
  ])('is one %s', (_what, words) => {
    expect(parseCommand(ROW, words)).toEqual({
      kind: 'bad-option',
      message: expect.not.stringMatching(/^error:/),
    });
  });

  test('is quoted when it is a word that belongs to no option', () => {
    expect(parseCommand(ROW, ['-domid', '7', 'now'])).toMatchObject({
      message: expect.stringContaining('"now"'),
    });
  });

  test('counts before a missing argument, as the words cannot be told apart then', () => {
    expect(parseCommand(ROW, ['--sideways'])).toMatchObject({ kind: 'bad-option' });
  });
});

test('options that every command has are read', () => {
  const words = ['-domid', '7', '--connect', 'sim:/x', '-timeout=2.5', '-json', '--debug'];
  expect(parseCommand(ROW, words)).toMatchObject({
    global: { connect: 'sim:/x', timeoutMs: 2500, json: true, debug: true },
  });
});

describe('help', () => {
  test.each([[['-help']], [['--help']], [['-h']], [['-domid', 'nonsense', '--help']]])(
    'is given for %j, whatever else is wrong or missing',
    (words) => {
      expect(parseCommand(ROW, words)).toEqual({ kind: 'help', text: commandHelp(ROW) });
    },
  );

  test('names the command, its aliases, and every option with its default', () => {
    const text = commandHelp(ROW);
    for (const part of [
      'try_domain',
      'try a domain (also: try)',
      '--domid <N>',
      '(required)',
      '(default: 262144)',
      '-s, --sync',
      '--connect <URI>',
      '--timeout <SECONDS>',
      '--json',
      '--debug',
      'example: xenops try_domain -domid 7',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('names each flag of a choice', () => {
    for (const name of ['poweroff', 'reboot', 'suspend']) {
      expect(commandHelp(CHOICE)).toContain(`--${name}`);
    }
  });
});

test.each(COMMANDS.map((row) => [row.name, row] as const))(
  'the example of %s can be run',
  (_name, row) => {
    const words = row.example === '' ? [] : row.example.split(' ');
    expect(parseCommand(row, words)).toMatchObject({ kind: 'run' });
  },
);

/** Commands of the historical utility with their other names, and the options that each took besides `-debug` and `-help`. */
const HISTORICAL: readonly (readonly [string, string])[] = [
  ['create_domain init', 'hvm'],
  ['destroy_domain destroy del', 'domid'],
  ['build_domain build', 'domid vcpus memory kernel cmdline ramdisk'],
  [
    'build_hvm hvmbuild',
    'domid vcpus memory kernel pae acpi apic nx smbios_pt acpi_pt viridian nested smbios_oem_types_pt',
  ],
  ['setmaxmem', 'domid memory'],
  ['save_domain suspend', 'domid file'],
  ['restore_domain restore', 'domid file vcpus memory'],
  ['chkpoint_domain chkpoint checkpoint', 'domid file uncooperative'],
  ['shutdown_domain shutdown', 'domid poweroff reboot suspend halt sync'],
  ['hard_shutdown_domain', 'domid poweroff reboot suspend halt sync'],
  ['sysrq_domain sysrq', 'domid key'],
  ['pause_domain pause', 'domid'],
  ['unpause_domain unpause', 'domid'],
  ['sched_domain', 'domid weight cap'],
  ['sched_get', 'domid'],
  ['affinity_set', 'domid vcpu bitmap'],
  ['affinity_get', 'domid vcpu'],
  ['list_domains list li', 'verbose'],
  ['list_devices', 'domid'],
  ['add_vbd disk-add', 'domid mode phystype physpath virtpath devtype backend-domid'],
  ['del_vbd disk-del', 'domid mode phystype physpath virtpath devtype backend-domid'],
  ['add_vif', 'domid devid mac netty backend-domid'],
  ['del_vif', 'domid devid mac netty backend-domid'],
  ['add_pci', 'domid pci devid'],
  ['del_pci', 'domid pci devid'],
  ['bind_pci pci-bind', 'pci devid'],
  ['add_dm', 'domid vcpus memory boot'],
  ['add_ioport', 'domid start end'],
  ['del_ioport', 'domid start end'],
  ['add_iomem', 'domid start end'],
  ['del_iomem', 'domid start end'],
  ['add_irq', 'domid irq'],
  ['del_irq', 'domid irq'],
  ['balloon', 'domid memory'],
  ['dom-uuid getuuid_domain', 'domid'],
  ['watchdog', 'slot timeout'],
  ['set_target', 'domid target'],
  ['dmesg', ''],
  ['debugkeys', ''],
  ['physinfo', ''],
  ['pcpuinfo', ''],
  ['getenforce', ''],
  ['setenforce', 'enforce'],
  ['capabilities', ''],
  ['test', ''],
];

test.each(HISTORICAL)('%s takes %j as it always did', (names, options) => {
  const rows = names.split(' ').map((name) => findCommand(name));
  expect(new Set(rows).size).toBe(1);
  const taken = Object.entries(rows[0]?.options ?? {}).flatMap(([key, option]) =>
    option.kind === 'choice' ? option.flags : [key],
  );
  expect(taken).toEqual(expect.arrayContaining(options.split(' ').filter((word) => word !== '')));
});
