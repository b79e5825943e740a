import { describe, expect, test } from '@jest/globals';
import { commandFirst, normaliseWords } from './argv.ts';
import { choice, DOMID, flag, required, TEXT, withDefault } from './commands/option.ts';

const OPTIONS = {
  domid: required(DOMID),
  cmdline: withDefault(TEXT, ''),
  sync: flag('wait', 's'),
  reason: choice(['poweroff', 'reboot'], 'why'),
};

describe('normaliseWords', () => {
  test.each([
    ['one dash', ['-domid', '5'], ['--domid=5']],
    ['two dashes', ['--domid', '5'], ['--domid=5']],
    ['one dash and an equals sign', ['-domid=5'], ['--domid=5']],
    ['two dashes and an equals sign', ['--domid=5'], ['--domid=5']],
    ['a flag', ['-sync'], ['--sync']],
    ['flags of a choice', ['-poweroff', '--reboot'], ['--poweroff', '--reboot']],
    ['options that every command has', ['-timeout', '5', '-json'], ['--timeout=5', '--json']],
    ['the help', ['-help'], ['--help']],
    ['an empty value', ['-cmdline', ''], ['--cmdline=']],
    ['a value that is empty after an equals sign', ['-cmdline='], ['--cmdline=']],
  ])('understands %s', (_what, words, normal) => {
    expect(normaliseWords(words, OPTIONS)).toEqual(normal);
  });

  test.each([
    ['looks like an option', '-domid'],
    ['looks like a flag', '--sync'],
    ['is a dash', '-'],
    ['is two dashes', '--'],
    ['is negative', '-1'],
    ['has an equals sign', 'root=/dev/xvda1'],
    ['has several lines', 'one\ntwo=2\n'],
    ['starts with a dash and has blanks', '-- init=/bin/sh ro'],
  ])('passes a value through that %s', (_what, value) => {
    expect(normaliseWords(['-cmdline', value, '-domid', '5'], OPTIONS)).toEqual([
      `--cmdline=${value}`,
      '--domid=5',
    ]);
    expect(normaliseWords([`-cmdline=${value}`], OPTIONS)).toEqual([`--cmdline=${value}`]);
  });

  test('leaves an option at the end without its value, for the parser to refuse', () => {
    expect(normaliseWords(['-sync', '-domid'], OPTIONS)).toEqual(['--sync', '--domid']);
  });

  test('leaves everything after two dashes as it is', () => {
    expect(normaliseWords(['-sync', '--', '-domid', '5', '--'], OPTIONS)).toEqual([
      '--sync',
      '--',
      '-domid',
      '5',
      '--',
    ]);
  });

  test.each(['-v', '-s', '-', 'word', '-unknown', '--unknown', '-domids', '---domid', '-5', ''])(
    'leaves %j as it is',
    (word) => expect(normaliseWords([word], OPTIONS)).toEqual([word]),
  );

  test.each(['-constructor', '-toString', '-__proto__', '-hasOwnProperty=1'])(
    'leaves %s, the name of something that every object has, as it is',
    (word) => expect(normaliseWords([word], OPTIONS)).toEqual([word]),
  );
});

describe('options of every command before its name', () => {
  test.each([
    [
      ['list', '-v'],
      ['list', '-v'],
    ],
    [
      ['--connect', 'sim:', 'list'],
      ['list', '--connect', 'sim:'],
    ],
    [
      ['-json', '--timeout=5', 'list', '-v'],
      ['list', '-json', '--timeout=5', '-v'],
    ],
    [
      ['-v', 'list'],
      ['list', '-v'],
    ],
    [
      ['-domid', '5', 'list'],
      ['-domid', '5', 'list'],
    ],
    [
      ['--connect', 'sim:'],
      ['--connect', 'sim:'],
    ],
    [[], []],
  ])('%j is %j', (words, expected) => {
    expect(commandFirst(words)).toEqual(expected);
  });
});
