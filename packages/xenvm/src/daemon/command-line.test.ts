import { createLogger, findGroup } from '@xenops/core/daemon';
import { describe, expect, test } from '@jest/globals';
import { parseCommandLine } from './command-line.ts';

const UUID = '11111111-2222-3333-4444-5555555555AA';

describe('the command line', () => {
  test.each([
    [
      ['--config', '/a'],
      { kind: 'one', configPath: '/a', isDaemon: true, hasDbus: true, hasJson: false },
    ],
    [['/a', '/b'], { configPath: '/b' }],
    [['--config', '/a', '/b'], { configPath: '/a' }],
    [['--uuid', UUID], { uuid: UUID.toLowerCase(), configPath: undefined }],
    [
      ['--no-daemonize', '--monitor-dbus', 'false', '--monitor-json', 'true'],
      { isDaemon: false, hasDbus: false, hasJson: true },
    ],
    [['--monitor-dbus-session', '--strict-config'], { busAddress: 'session', isStrict: true }],
    [
      ['serve', '--config', '/a', '--config', '/b'],
      { kind: 'serve', configPaths: ['/a', '/b'], hasJson: true },
    ],
    [['-help'], { kind: 'help' }],
    [['--help'], { kind: 'help' }],
  ] as const)('%j is understood', (words, expected) => {
    expect(parseCommandLine(words, {})).toMatchObject(expected);
  });

  test.each([
    [['--uuid', '../../etc']],
    [['--monitor-dbus', 'yes']],
    [['--log-level', 'loud']],
    [['--fly']],
    [['serve', 'file']],
  ] as const)('%j is refused', (words) => {
    expect(() => parseCommandLine(words, {})).toThrow();
  });

  test('the folder of the sockets comes from the flag, else the environment, else the old default', () => {
    const env = { XENVM_SOCKET_DIR: '/env' };
    expect(parseCommandLine([], {})).toMatchObject({ socketFolder: '/var/run/xenvm' });
    expect(parseCommandLine([], env)).toMatchObject({ socketFolder: '/env' });
    expect(parseCommandLine(['--socket-dir', '/flag'], env)).toMatchObject({
      socketFolder: '/flag',
    });
  });
});

test('a group is found by name or number', () => {
  const file = 'root:x:0:\nxenvm:x:113:alice\n';
  expect(findGroup('xenvm', file)).toBe(113);
  expect(findGroup('42', file)).toBe(42);
  expect(findGroup('nobody-has-it', file)).toBeUndefined();
});

test('a log line cannot be forged, names its causes, and is left out below the level', () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const logger = createLogger({ level: 'info', hasPriority: true, write }, 'xenvm');
  const cause = new Error('a\n<3>[error|-|xenvm] forged');
  logger.child({ vm: UUID }).log('warn', 'It failed', new Error('outer', { cause }));
  logger.log('debug', 'not shown');
  expect(lines).toEqual([
    `<4>[warn|${UUID}|xenvm] It failed: outer: a?<3>[error|-|xenvm] forged\n`,
  ]);
});
