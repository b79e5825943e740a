/** Which paths a node can have, and how large paths and values may be. */
import { RELATIVE_PATH_BYTES_MAX as RELATIVE_BYTES_MAX } from '../xenstore/wire/limits.ts';
import { answers, home, storeCase, type StoreCase } from './xenstore-case.ts';

const PATHS: readonly (readonly [what: string, path: string, answer: string])[] = [
  ['with letters of both cases, digits, - _ and @', '/aZ09-_@', 'OK'],
  ['of one character', '/a', 'OK'],
  ['with @ in front of a name', '/a/@b', 'OK'],
  ['that is empty', '', 'EINVAL'],
  ['with a slash at the end', '/a/', 'EINVAL'],
  ['with two slashes', '/a//b', 'EINVAL'],
  ['with two slashes in front', '//a', 'EINVAL'],
  ['of two slashes', '//', 'EINVAL'],
  ['with a dot', '/a.b', 'EINVAL'],
  ['with two dots', '/a/../b', 'EINVAL'],
  ['with a space', '/a b', 'EINVAL'],
  ['with a colon', '/a:b', 'EINVAL'],
  ['with a plus', '/a+b', 'EINVAL'],
  ['with a tilde', '/~a', 'EINVAL'],
  ['with a backslash', '/a\\b', 'EINVAL'],
  ['with a line feed', '/a\n', 'EINVAL'],
  ['with a letter beyond ASCII', '/\u00e9', 'EINVAL'],
  ['with a delete character', '/\x7f', 'EINVAL'],
];

const pathOf = (bytes: number): string => `/${'p'.repeat(bytes - 1)}`;

/** Cases of the theme "path". */
export const pathCases: readonly StoreCase[] = [
  ...PATHS.flatMap(([what, path, answer]): StoreCase[] => [
    storeCase(`a path ${what} is ${answer === 'OK' ? 'taken' : 'EINVAL'} by write`, ({ dom0 }) =>
      answers(dom0.write(path, 'v'), answer),
    ),
    storeCase(`a path ${what} is ${answer === 'OK' ? 'ENOENT' : 'EINVAL'} to read`, ({ dom0 }) =>
      answers(dom0.read(path), answer === 'OK' ? 'ENOENT' : 'EINVAL'),
    ),
  ]),
  ...(['mkdir', 'rm', 'list', 'permissions', 'watch'] as const).map((verb): StoreCase =>
    storeCase(`${verb} refuses a malformed path`, ({ dom0 }) =>
      answers(dom0[verb]('/a//b'), 'EINVAL'),
    ),
  ),
  storeCase('setting permissions refuses a malformed path', ({ dom0 }) =>
    answers(dom0.chmod('/a//b', 'n0'), 'EINVAL'),
  ),
  storeCase('an absolute path may be as long as the limit', ({ dom0, traits }) =>
    answers(dom0.write(pathOf(traits.pathBytesMax), 'v'), 'OK'),
  ),
  storeCase('an absolute path over the limit is EINVAL', ({ dom0, traits }) =>
    answers(dom0.write(pathOf(traits.pathBytesMax + 1), 'v'), 'EINVAL'),
  ),
  storeCase(
    'the limit of a path is the same in its relative and its absolute spelling',
    async (bench) => {
      const { dom0 } = bench;
      const guest = await bench.guest(7);
      const prefix = `${home(7)}/`;
      const longest = 'p'.repeat(RELATIVE_BYTES_MAX);
      await answers(dom0.write(`${prefix}${longest}`, 'v'), 'OK');
      await answers(guest.read(longest), 'v');
      await answers(guest.read(`${prefix}${longest}`), 'v');
      await answers(guest.write(`${longest}p`, 'v'), 'EINVAL');
      await answers(guest.write(`${prefix}${longest}p`, 'v'), 'EINVAL');
    },
  ),
  storeCase('a value that fills the message is taken from Dom0', async ({ dom0, traits }) => {
    const value = 'v'.repeat(traits.dom0ValueBytesMax);
    await answers(dom0.write('/a', value), 'OK');
    await answers(dom0.read('/a'), value);
  }),
];
