import { describe, expect, test } from '@jest/globals';
import { StoreHarness } from './store-harness.test-helper.ts';

/** How often in a row something succeeds, and how it then fails. */
function countOk(attempt: (index: number) => string): string {
  for (let index = 0; ; index += 1) {
    const answer = attempt(index);
    if (answer !== 'OK' && !/^[0-9]+$/.test(answer)) return `${index} ${answer}`;
  }
}

describe('what a guest may have', () => {
  test('1000 nodes, its home among them', () => {
    const guest = new StoreHarness().guest(1);
    expect(countOk((index) => guest.write(`${index % 10}/${index}`, ''))).toBe('989 ENOSPC');
    expect(guest.rm('0/0')).toBe('OK');
    expect(guest.write('0/0', '')).toBe('OK');
    expect(guest.write('0/x', '')).toBe('ENOSPC');
  });

  test('implicit parents count, and nothing is made when they do not fit', () => {
    const harness = new StoreHarness();
    const guest = harness.guest(1);
    for (let index = 0; index < 986; index += 1) guest.write(`${index % 10}/${index}`, '');
    const before = harness.dump();
    expect(guest.write('a/b/c/d', '')).toBe('ENOSPC');
    expect(harness.dump()).toEqual(before);
    expect(harness.faults()).toEqual([]);
  });

  test('999 nodes by a transaction, counted at its end', () => {
    const guest = new StoreHarness().guest(1);
    const make = (count: number): string => {
      const id = guest.begin();
      for (let index = 0; index < count; index += 1) guest.write(`${index % 20}/${index}`, '', id);
      return guest.commit(id);
    };
    expect(make(979)).toBe('ENOSPC');
    expect(make(978)).toBe('OK');
  });

  test('1024 nodes touched by a transaction', () => {
    const guest = new StoreHarness().guest(1);
    const id = guest.begin();
    expect(countOk((index) => guest.read(`n${index}`, id).replace('ENOENT', 'OK'))).toBe(
      '1023 ENOSPC',
    );
    expect(guest.commit(id)).toBe('ENOMEM');
  });

  test('129 watches and 11 transactions', () => {
    const guest = new StoreHarness().guest(1);
    expect(countOk((index) => guest.watch(`w${index}`))).toBe('129 E2BIG');
    expect(countOk(() => guest.ask({ name: 'transactionStart' }))).toBe('11 ENOSPC');
  });

  test.each([
    [2015, ['n1'], 'OK'],
    [2016, ['n1'], 'ENOSPC'],
    [1999, ['n1', 'r0', 'r0'], 'OK'],
    [2000, ['n1', 'r0', 'r0'], 'ENOSPC'],
  ])('a value of %d bytes with the list %j is %s', (bytes, list, answer) => {
    const guest = new StoreHarness().guest(1);
    guest.write('x', '');
    guest.chmod('x', ...list);
    expect(guest.write('x', 'z'.repeat(bytes))).toBe(answer);
  });

  test('as many names in a folder as its record holds', () => {
    const guest = new StoreHarness().guest(1);
    guest.write('d', '');
    expect(countOk((index) => guest.write(`d/n${String(index).padStart(3, '0')}`, ''))).toBe(
      '403 ENOSPC',
    );
  });

  test('five entries in a list', () => {
    const guest = new StoreHarness().guest(1);
    guest.write('x', '');
    expect(guest.chmod('x', 'n1', 'r0', 'r0', 'r0', 'r0')).toBe('OK');
    expect(guest.chmod('x', 'n1', 'r0', 'r0', 'r0', 'r0', 'r0')).toBe('ENOSPC');
  });
});

test('Dom0 has no such limits', () => {
  const dom0 = new StoreHarness().dom0();
  for (let index = 0; index < 2000; index += 1) {
    expect(dom0.write(`/d/${index}`, '')).toBe('OK');
    expect(dom0.watch(`/d/${index}`)).toBe('OK');
  }
  expect(dom0.write('/v', 'z'.repeat(4000))).toBe('OK');
});

test('a tree as deep as a guest can make it is removed without harm', () => {
  const harness = new StoreHarness();
  const guest = harness.guest(1);
  const depth = 900;
  expect(guest.write(Array.from({ length: depth }, () => 'd').join('/'), '')).toBe('OK');
  expect(guest.rm('d')).toBe('OK');
  expect(harness.faults()).toEqual([]);
});
