import { describe, expect, test } from '@jest/globals';
import { StoreHarness, type TestClient } from './store-harness.test-helper.ts';

/** A store with guests 1 and 2 and a node with these permissions. */
function withNode(...permissions: string[]): { guest: TestClient; harness: StoreHarness } {
  const harness = new StoreHarness();
  const guest = harness.guest(1);
  harness.guest(2);
  harness.dom0().write('/n', 'v');
  harness.dom0().write('/n/child', 'v');
  harness.dom0().chmod('/n', ...permissions);
  return { guest, harness };
}

describe('what guest 1 may do by a list', () => {
  test.each([
    [['n0'], 'EACCES', 'EACCES', 'EACCES'],
    [['r0'], 'v', 'EACCES', 'EACCES'],
    [['w0'], 'EACCES', 'OK', 'EACCES'],
    [['b0'], 'v', 'OK', 'EACCES'],
    [['n1'], 'v', 'OK', 'OK'],
    [['n0', 'r1'], 'v', 'EACCES', 'EACCES'],
    [['r0', 'n1'], 'EACCES', 'EACCES', 'EACCES'],
    [['n0', 'b2'], 'EACCES', 'EACCES', 'EACCES'],
    [['n0', 'w1', 'r1'], 'EACCES', 'OK', 'EACCES'],
  ])('%j: read %s, write %s, chmod %s', (list, read, write, chmod) => {
    const { guest } = withNode(...list);
    expect(guest.read('/n')).toBe(read);
    expect(guest.write('/n', 'x')).toBe(write);
    expect(guest.chmod('/n', list[0] ?? 'n0', 'r2')).toBe(chmod);
  });
});

test('whether a node exists is told only to who may see its first existing parent', () => {
  const { guest } = withNode('n0');
  expect(guest.read('/n/child')).toBe('EACCES');
  expect(guest.read('/n/nothing')).toBe('EACCES');
  expect(guest.read('/nothing/at/all')).toBe('EACCES');
  expect(guest.read('nothing')).toBe('ENOENT');
});

test('a right to write allows new children, but not to remove those of others', () => {
  const { guest, harness } = withNode('b0');
  expect(guest.write('/n/mine', 'x')).toBe('OK');
  expect(harness.dom0().ask({ name: 'getPermissions', path: '/n/mine' })).toBe('b1');
  harness.dom0().chmod('/n/child', 'n0', 'r1');
  expect(guest.rm('/n/child')).toBe('EACCES');
  expect(guest.rm('/n/mine')).toBe('OK');
});

test('a new node takes over the list, and its owner is the guest that makes it', () => {
  const { guest, harness } = withNode('b0', 'r2');
  guest.write('/n/x/y', '1');
  for (const path of ['/n/x', '/n/x/y']) {
    expect(harness.dom0().ask({ name: 'getPermissions', path })).toBe('b1 r2');
  }
  harness.dom0().write('/n/z', '1');
  expect(harness.dom0().ask({ name: 'getPermissions', path: '/n/z' })).toBe('b0 r2');
});

test('a guest cannot give a node away, Dom0 can', () => {
  const { guest, harness } = withNode('n1');
  expect(guest.chmod('/n', 'n2')).toBe('EPERM');
  expect(harness.dom0().chmod('/n', 'n2')).toBe('OK');
});

test.each([
  [['x0'], 'EINVAL'],
  [['r'], 'EINVAL'],
  [['n9'], 'ENOENT'],
  [['n0', 'r9'], 'OK'],
])('the list %j is %s', (list, answer) => {
  expect(
    withNode('n0')
      .harness.dom0()
      .chmod('/n', ...list),
  ).toBe(answer);
});

test('an entry for a domain that is not there is not kept for a later one', () => {
  const { harness } = withNode('n0', 'r9');
  expect(harness.guest(9).read('/n')).toBe('EACCES');
  expect(harness.dom0().ask({ name: 'getPermissions', path: '/n' })).toBe('n0');
});

test('the root is checked like any node', () => {
  const { guest } = withNode('n0');
  expect(guest.read('/')).toBe('EACCES');
  expect(guest.write('/', 'x')).toBe('EACCES');
  expect(guest.write('/x', 'x')).toBe('EACCES');
  expect(guest.rm('/')).toBe('EACCES');
  expect(guest.chmod('/', 'n1')).toBe('EACCES');
  expect(guest.ask({ name: 'directory', path: '/' })).toBe('EACCES');
});

test('a stub domain has the rights of its target, until that is gone', () => {
  const { harness } = withNode('n2');
  const stub = harness.guest(3);
  expect(stub.read('/n')).toBe('EACCES');
  expect(harness.dom0().ask({ name: 'setTarget', domid: '3', target: '2' })).toBe('OK');
  expect(stub.read('/n')).toBe('v');
  harness.kill(2);
  harness.guest(2);
  harness.dom0().write('/n', 'v');
  harness.dom0().chmod('/n', 'n2');
  expect(stub.read('/n')).toBe('EACCES');
});
