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
import { commandHelp, parseCommand } from './parse-command.ts';

function rowOf(options: Options): Command {
  return command({
    name: 'try_domain',
    aliases: ['try'],
    summary: 'try a domain',
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
    expect(parseCommand(CHOICE, [])).toEqual({ kind: 'bad-argument', name: 'reason' });
  });

  test('is not remembered from one command line to the next', () => {
    parseCommand(CHOICE, ['-reboot']);
    expect(parseCommand(CHOICE, [])).toMatchObject({ kind: 'bad-argument' });
  });
});

describe('a bad argument', () => {
  test('is a required one that is missing, without a cause', () => {
    expect(parseCommand(ROW, ['-memory', '1G'])).toEqual({ kind: 'bad-argument', name: 'domid' });
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
