import { describe, expect, test } from '@jest/globals';
import { StoreHarness } from './store-harness.test-helper.ts';

const watching = (harness: StoreHarness) => {
  const dom0 = harness.dom0();
  dom0.watch('@introduceDomain', 'i');
  dom0.watch('@releaseDomain', 'r');
  dom0.takeEvents();
  return dom0;
};

test('introducing tells once, introducing again resets the connection', () => {
  const harness = new StoreHarness();
  const dom0 = watching(harness);
  const guest = harness.guest(5);
  expect(dom0.takeEvents()).toEqual(['@introduceDomain i']);
  guest.watch('x');
  const id = guest.begin();
  dom0.ask({ name: 'introduce', domid: '5', frame: '1', port: '1' });
  expect(dom0.takeEvents()).toEqual([]);
  expect(guest.read('x', id)).toBe('ENOENT');
  expect(guest.connection?.watches.size).toBe(0);
});

test.each([
  [{ name: 'introduce', domid: '9', frame: '1', port: '1' }, 'EINVAL'],
  [{ name: 'introduce', domid: '5', frame: '1', port: '0' }, 'EINVAL'],
  [{ name: 'release', domid: '9' }, 'ENOENT'],
  [{ name: 'release', domid: '0' }, 'EINVAL'],
  [{ name: 'resume', domid: '9' }, 'ENOENT'],
  [{ name: 'setTarget', domid: '5', target: '9' }, 'ENOENT'],
  [{ name: 'isDomainIntroduced', domid: '9' }, 'F'],
  [{ name: 'isDomainIntroduced', domid: '0' }, 'T'],
  [{ name: 'isDomainIntroduced', domid: '32752' }, 'T'],
] as const)('with no domain 9, %j is %s', (request, answer) => {
  const harness = new StoreHarness();
  harness.guest(5);
  expect(harness.dom0().ask(request)).toBe(answer);
});

test('a shutdown is told once, and again after a resume', () => {
  const harness = new StoreHarness();
  const dom0 = watching(harness);
  harness.guest(5);
  dom0.takeEvents();
  harness.presence.set(5, 'shutdown');
  harness.xenstored.domainsChanged();
  harness.xenstored.domainsChanged();
  expect(dom0.takeEvents()).toEqual(['@releaseDomain r']);
  harness.presence.set(5, 'alive');
  dom0.ask({ name: 'resume', domid: '5' });
  harness.presence.set(5, 'shutdown');
  harness.xenstored.domainsChanged();
  expect(dom0.takeEvents()).toEqual(['@releaseDomain r']);
});

describe('when a domain dies', () => {
  test('its nodes go wherever they are, and each death is told', () => {
    const harness = new StoreHarness();
    const before = harness.dump();
    const dom0 = watching(harness);
    const guest = harness.guest(5);
    dom0.write('/shared', '1');
    dom0.chmod('/shared', 'b0');
    guest.write('/shared/mine/deep', '1');
    guest.write('x/y/z', '1');
    dom0.takeEvents();
    harness.kill(5);
    expect(dom0.takeEvents()).toEqual(['@releaseDomain r']);
    expect(guest.isClosed).toBe(true);
    dom0.rm('/shared');
    dom0.rm('/local');
    expect(harness.dump()).toEqual(before);
    expect(harness.faults()).toEqual([]);
  });

  test.each([
    [100, false],
    [10, true],
  ])(
    'a later domain of its number starts from nothing, %d times (something written between: %s)',
    (rounds, writesBetween) => {
      const harness = new StoreHarness();
      const dom0 = harness.dom0();
      for (let round = 0; round < rounds; round += 1) {
        const guest = harness.guest(5);
        expect(guest.read('/listed')).toBe('EACCES');
        dom0.write('/listed', '1');
        dom0.chmod('/listed', 'n0', 'b5');
        expect(guest.read('/listed')).toBe('1');
        const answers = Array.from({ length: 980 }, (_, index) =>
          guest.write(`${index % 20}/${index}`, ''),
        );
        expect(answers.indexOf('ENOSPC')).toBe(979);
        harness.kill(5);
        if (writesBetween) dom0.write('/elsewhere', '1');
      }
      expect(harness.xenstored.tree.size).toBe(writesBetween ? 7 : 6);
    },
  );

  test('a stub and its target can die in either order', () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const harness = new StoreHarness();
      harness.guest(1);
      harness.guest(2);
      harness.dom0().ask({ name: 'setTarget', domid: '1', target: '2' });
      for (const domid of order) harness.kill(domid);
      expect(harness.faults()).toEqual([]);
    }
  });

  test('the root that it was given is not lost but returns to Dom0', () => {
    const harness = new StoreHarness();
    harness.guest(1);
    harness.dom0().chmod('/', 'n1');
    harness.kill(1);
    expect(harness.dom0().ask({ name: 'getPermissions', path: '/' })).toBe('n0');
    expect(harness.dom0().read('/tool')).toBe('');
  });

  test('its transactions and watches go with it', () => {
    const harness = new StoreHarness();
    const guest = harness.guest(1);
    guest.watch('/');
    guest.begin();
    harness.kill(1);
    guest.takeEvents();
    harness.dom0().write('/a', '1');
    expect(guest.takeEvents()).toEqual([]);
    expect(guest.connection?.transactions.size).toBe(0);
  });
});

test('releasing every other domain, one after the other, reaches all of them', () => {
  const harness = new StoreHarness();
  const dom0 = harness.dom0();
  for (let domid = 1; domid <= 50; domid += 1) harness.guest(domid);
  for (let domid = 1; domid <= 50; domid += 1) {
    expect(dom0.ask({ name: 'release', domid: String(domid) })).toBe('OK');
    expect(dom0.ask({ name: 'isDomainIntroduced', domid: String(domid) })).toBe('F');
  }
});
