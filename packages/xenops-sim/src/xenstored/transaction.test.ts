import { describe, expect, test } from '@jest/globals';
import { StoreHarness } from './store-harness.test-helper.ts';

test('changes are seen inside at once, outside on commit', () => {
  const harness = new StoreHarness();
  const [one, other] = [harness.dom0(), harness.dom0()];
  const id = one.begin();
  one.write('/a/b', '1', id);
  expect(one.read('/a/b', id)).toBe('1');
  expect(other.read('/a')).toBe('ENOENT');
  expect(one.commit(id)).toBe('OK');
  expect(other.read('/a/b')).toBe('1');
  expect(harness.faults()).toEqual([]);
});

test('an abandoned transaction changes nothing', () => {
  const harness = new StoreHarness();
  const dom0 = harness.dom0();
  const before = harness.dump();
  const id = dom0.begin();
  dom0.write('/a', '1', id);
  dom0.rm('/tool', id);
  expect(dom0.ask({ name: 'transactionEnd', commit: false }, id)).toBe('OK');
  expect(harness.dump()).toEqual(before);
});

describe('what others do in between', () => {
  test.each([
    ['changes a node that was read', '/a', 'EAGAIN'],
    ['writes the same value again', '/a', 'EAGAIN'],
    ['makes a node that was looked for', '/none', 'EAGAIN'],
    ['makes a sibling of a new node', '/new/sibling', 'EAGAIN'],
    ['changes a node below one that was read', '/a/child', 'OK'],
    ['changes another node', '/b', 'OK'],
  ])('%s (%s): %s', (_, path, answer) => {
    const harness = new StoreHarness();
    const [one, other] = [harness.dom0(), harness.dom0()];
    for (const made of ['/a', '/a/child', '/b', '/new']) one.write(made, '1');
    const id = one.begin();
    one.read('/a', id);
    one.read('/none', id);
    one.write('/new/x', '1', id);
    other.write(path, '1');
    expect(one.commit(id)).toBe(answer);
    expect(harness.faults()).toEqual([]);
  });

  test('what changed between start and first touch is no conflict', () => {
    const harness = new StoreHarness();
    const [one, other] = [harness.dom0(), harness.dom0()];
    const id = one.begin();
    other.write('/a', '2');
    expect(one.read('/a', id)).toBe('2');
    expect(one.commit(id)).toBe('OK');
  });

  test('what was once seen stays as it was seen', () => {
    const harness = new StoreHarness();
    const [one, other] = [harness.dom0(), harness.dom0()];
    one.write('/d/x', '1');
    const id = one.begin();
    expect(one.ask({ name: 'directory', path: '/d' }, id)).toBe('x');
    other.write('/d/y', '1');
    expect(one.ask({ name: 'directory', path: '/d' }, id)).toBe('x');
    expect(one.commit(id)).toBe('EAGAIN');
  });

  test('two transactions that remove and make the same nodes: the first one wins, in every order', () => {
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    for (const order of orders) {
      const harness = new StoreHarness();
      const guest = harness.guest(1);
      for (let index = 0; index < 50; index += 1) guest.write(`d/${index}`, '1');
      const ids = [guest.begin(), guest.begin(), guest.begin()];
      for (const id of ids) {
        guest.rm('d', id);
        for (let index = 0; index < 50; index += 1) guest.write(`d/${index}`, '2', id);
      }
      const answers = order.map((index) => guest.commit(ids[index] ?? 0));
      expect(answers).toEqual(['OK', 'EAGAIN', 'EAGAIN']);
      expect(harness.faults()).toEqual([]);
      expect(harness.dom0().ask({ name: 'control', words: ['quota', '1'] })).toContain(
        'nodes           :       52',
      );
    }
  });
});

describe('ids', () => {
  test('belong to their connection and to one transaction', () => {
    const harness = new StoreHarness();
    const [one, other] = [harness.dom0(), harness.dom0()];
    const id = one.begin();
    expect(other.read('/tool', id)).toBe('ENOENT');
    one.commit(id);
    expect(one.read('/tool', id)).toBe('ENOENT');
    expect(one.ask({ name: 'transactionEnd', commit: true })).toBe('ENOENT');
  });
  test('do not nest', () => {
    const dom0 = new StoreHarness().dom0();
    expect(dom0.ask({ name: 'transactionStart' }, dom0.begin())).toBe('EBUSY');
  });
  test('mean nothing to watches, and a reset clears the one it comes in', () => {
    const dom0 = new StoreHarness().dom0();
    expect(dom0.ask({ name: 'watch', path: '/a', token: 't' }, 77)).toBe('OK');
    const id = dom0.begin();
    expect(dom0.ask({ name: 'resetWatches' }, id)).toBe('OK');
    expect(dom0.read('/tool', id)).toBe('ENOENT');
  });
});

test('a start costs the same however large the store is', () => {
  const dom0 = new StoreHarness().dom0();
  for (let index = 0; index < 20_000; index += 1) dom0.write(`/big/${index}`, '1');
  const ids = Array.from({ length: 10_000 }, () => dom0.begin());
  expect(new Set(ids).size).toBe(10_000);
});
