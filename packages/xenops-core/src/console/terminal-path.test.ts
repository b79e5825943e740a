import { describe, expect, test } from '@jest/globals';
import { parsePermissions } from '../xenstore/permissions.ts';
import { terminalPath } from './terminal-path.ts';

const ours = parsePermissions(['n0', 'r7']);

describe('the terminal of a console', () => {
  test('is a pseudo-terminal that Dom0 has named', () => {
    expect(terminalPath('/dev/pts/3', ours)).toBe('/dev/pts/3');
  });

  test.each([
    [undefined],
    [''],
    ['/dev/pts/'],
    ['/dev/pts/03'],
    ['/dev/pts/3/../../sda'],
    ['/dev/pts/3\n'],
    ['/dev/pts/ptmx'],
    ['/dev/tty1'],
    ['/etc/shadow'],
    ['pts/3'],
  ])('is not %j', (value) => {
    expect(terminalPath(value, ours)).toBeUndefined();
  });

  test.each([[['n7', 'r0']], [['w0', 'r7']], [['b0']], [['n0', 'b7']], [['n0', 'r7', 'w9']]])(
    'is not believed where somebody else could have written it: %j',
    (permissions) => {
      expect(terminalPath('/dev/pts/3', parsePermissions(permissions))).toBeUndefined();
    },
  );
});
