import { describe, expect, test } from '@jest/globals';
import { isPath, isSpecialPath } from './path.ts';

const absolute = (bytes: number): string => `/${'a'.repeat(bytes - 1)}`;
const relative = (bytes: number): string => 'a'.repeat(bytes);

describe('isPath', () => {
  test.each([
    ['the root', '/'],
    ['an absolute path', '/local/domain/0/backend'],
    ['a relative path', 'device/vbd/51712'],
    ['every kind of character', '/AZaz09-_@'],
    ['one character', 'a'],
    ['the longest absolute path', absolute(3072)],
    ['the longest relative path', relative(2048)],
  ])('takes %s', (_what, path) => expect(isPath(path)).toBe(true));

  test.each([
    ['nothing', ''],
    ['a slash at the end', '/local/'],
    ['a slash at the end of a relative path', 'device/'],
    ['an empty part', '/local//domain'],
    ['two slashes', '//'],
    ['an absolute path of a byte more than the limit', absolute(3073)],
    ['a relative path of a byte more than the limit', relative(2049)],
    ['a NUL', '/local\0/x'],
    ['a newline at the end', '/local\n'],
    ['a space', '/local domain'],
    ['a dot', '/local/../vm'],
    ['a backslash', '/local\\domain'],
    ['a colon', '/local:0'],
    ['a tilde', '~/x'],
    ['a letter beyond ASCII', '/loc\u00e1l'],
  ])('refuses %s', (_what, path) => expect(isPath(path)).toBe(false));
});

describe('isSpecialPath', () => {
  test.each(['@introduceDomain', '@releaseDomain'])('takes %s', (path) => {
    expect(isSpecialPath(path)).toBe(true);
  });

  test.each(['', '@', '@releasedomain', '/@releaseDomain', '@releaseDomain/', 'releaseDomain'])(
    'refuses %j',
    (path) => expect(isSpecialPath(path)).toBe(false),
  );
});
