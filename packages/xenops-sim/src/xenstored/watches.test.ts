import { describe, expect, test } from '@jest/globals';
import { StoreHarness } from './store-harness.test-helper.ts';

test('the first event comes at once, whether there is a node or not', () => {
  const dom0 = new StoreHarness().dom0();
  expect(dom0.watch('/nothing', 'a')).toBe('OK');
  expect(dom0.takeEvents()).toEqual(['/nothing a']);
});

test('a watch sees its node and all below, until it is gone', () => {
  const dom0 = new StoreHarness().dom0();
  dom0.watch('/a');
  dom0.takeEvents();
  dom0.write('/a', '1');
  dom0.write('/a/b', '1');
  dom0.write('/ab', '1');
  dom0.chmod('/a/b', 'r0');
  expect(dom0.takeEvents()).toEqual(['/a t', '/a/b t', '/a/b t']);
  expect(dom0.ask({ name: 'unwatch', path: '/a', token: 't' })).toBe('OK');
  expect(dom0.ask({ name: 'unwatch', path: '/a', token: 't' })).toBe('ENOENT');
  dom0.write('/a', '2');
  expect(dom0.takeEvents()).toEqual([]);
});

test('the removal of a parent is told to who watches below', () => {
  const dom0 = new StoreHarness().dom0();
  dom0.write('/a/b/c', '1');
  for (const path of ['/a', '/a/b', '/a/b/c', '/a/b/x']) dom0.watch(path, path.slice(1));
  dom0.takeEvents();
  dom0.rm('/a');
  expect(dom0.takeEvents()).toEqual(['/a/b/c a/b/c', '/a/b a/b', '/a a']);
});

test('relative watches are told relative paths', () => {
  const guest = new StoreHarness().guest(3);
  guest.watch('x');
  guest.watch('/local/domain/3/x', 'absolute');
  expect(guest.takeEvents()).toEqual(['x t', '/local/domain/3/x absolute']);
  guest.write('x/y', '1');
  expect(guest.takeEvents()).toEqual(['x/y t', '/local/domain/3/x/y absolute']);
});

test('the same watch twice is EEXIST, another token is another watch', () => {
  const dom0 = new StoreHarness().dom0();
  expect([dom0.watch('/a'), dom0.watch('/a'), dom0.watch('/a', 'u')]).toEqual([
    'OK',
    'EEXIST',
    'OK',
  ]);
});

test('a transaction tells on commit, in the order in which it met the nodes, and only once for each', () => {
  const dom0 = new StoreHarness().dom0();
  dom0.watch('/');
  dom0.takeEvents();
  const id = dom0.begin();
  dom0.write('/b', '1', id);
  dom0.write('/a', '1', id);
  dom0.write('/b', '2', id);
  dom0.write('/gone', '1', id);
  dom0.rm('/gone', id);
  expect(dom0.takeEvents()).toEqual([]);
  dom0.commit(id);
  expect(dom0.takeEvents()).toEqual(['/b t', '/a t']);
});

describe('who may know', () => {
  test('nothing of others is told to a guest that watches everything', () => {
    const harness = new StoreHarness();
    const guest = harness.guest(1);
    const other = harness.guest(2);
    guest.watch('/');
    guest.watch('@introduceDomain');
    guest.watch('@releaseDomain');
    guest.takeEvents();
    harness.dom0().write('/secret', '1');
    harness.dom0().rm('/secret');
    other.write('x', '1');
    other.rm('x');
    const id = other.begin();
    other.write('y', '1', id);
    other.commit(id);
    harness.guest(4);
    harness.kill(4);
    expect(guest.takeEvents()).toEqual([]);
  });

  test('who loses and who gains the right to read is told', () => {
    const harness = new StoreHarness();
    const guest = harness.guest(1);
    harness.dom0().write('/n', '1');
    guest.watch('/n');
    guest.takeEvents();
    harness.dom0().chmod('/n', 'n0', 'r1');
    expect(guest.takeEvents()).toEqual(['/n t']);
    harness.dom0().chmod('/n', 'n0');
    expect(guest.takeEvents()).toEqual(['/n t']);
    harness.dom0().write('/n', '2');
    expect(guest.takeEvents()).toEqual([]);
  });

  test('a list may open the special events to a domain', () => {
    const harness = new StoreHarness();
    const guest = harness.guest(1);
    expect(guest.chmod('@releaseDomain', 'n0', 'r1')).toBe('EACCES');
    expect(harness.dom0().chmod('@releaseDomain', 'n0', 'r1')).toBe('OK');
    expect(harness.dom0().chmod('@else', 'n0', 'r1')).toBe('EINVAL');
    guest.watch('@releaseDomain');
    guest.takeEvents();
    harness.guest(2);
    harness.kill(2);
    expect(guest.takeEvents()).toEqual(['@releaseDomain t']);
    harness.kill(1);
    const successor = harness.guest(1);
    successor.watch('@releaseDomain');
    successor.takeEvents();
    harness.guest(2);
    harness.kill(2);
    expect(successor.takeEvents()).toEqual([]);
  });
});

test('ten thousand resets leave nothing behind', () => {
  const harness = new StoreHarness();
  const guest = harness.guest(1);
  for (let round = 0; round < 1000; round += 1) {
    for (let index = 0; index < 100; index += 1) guest.watch(`w${index}`);
    expect(guest.ask({ name: 'resetWatches' })).toBe('OK');
    guest.takeEvents();
  }
  expect(guest.connection?.watches.size).toBe(0);
  guest.write('w1', '1');
  expect(guest.takeEvents()).toEqual([]);
});
