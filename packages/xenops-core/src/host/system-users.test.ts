import { expect, test } from '@jest/globals';
import { findInPasswd, findUser } from './system-users.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
7:x:1000:100:a name of digits::
seven:x:7:70::/:

nonsense
`;

test.each([
  ['root', { name: 'root', uid: 0, gid: 0 }],
  ['1000', { name: '7', uid: 1000, gid: 100 }],
  ['seven', { name: 'seven', uid: 7, gid: 70 }],
  ['nonsense', undefined],
  ['8', undefined],
  ['', undefined],
])('the user %j of a passwd file is %j', (key, user) => {
  expect(findInPasswd(PASSWD, key)).toEqual(user);
});

test('the users of this machine are found by name and by number, and others are not', async () => {
  const root = { name: 'root', uid: 0, gid: 0 };
  expect(await findUser('root')).toEqual(root);
  expect(await findUser('0')).toEqual(root);
  expect(await findUser('nobody-has-this-name')).toBeUndefined();
  expect(await findUser('--help')).toBeUndefined();
});
