import { describe, expect, test } from '@jest/globals';
import { StoreHarness } from './store-harness.test-helper.ts';

test('a fresh store holds what the C daemon starts with', () => {
  expect(new StoreHarness().dump()).toEqual(['/= n0', '/tool/xenstored= n0', '/tool= n0']);
});

describe('values', () => {
  test('a write makes the missing parents, empty', () => {
    const harness = new StoreHarness();
    const dom0 = harness.dom0();
    expect(dom0.write('/a/b/c', 'x')).toBe('OK');
    expect(dom0.read('/a/b/c')).toBe('x');
    expect(dom0.read('/a/b')).toBe('');
    expect(dom0.ask({ name: 'directory', path: '/a' })).toBe('b');
    expect(harness.faults()).toEqual([]);
  });

  test('children are listed in the order in which they came', () => {
    const dom0 = new StoreHarness().dom0();
    for (const name of ['z', 'a', 'm']) dom0.write(`/d/${name}`, '');
    dom0.rm('/d/a');
    dom0.write('/d/a', '');
    expect(dom0.ask({ name: 'directory', path: '/d' })).toBe('z m a');
  });

  test('removing what is not there succeeds when its parent is', () => {
    const dom0 = new StoreHarness().dom0();
    expect(dom0.rm('/tool/x')).toBe('OK');
    expect(dom0.rm('/x/y')).toBe('ENOENT');
    expect(dom0.rm('/')).toBe('EINVAL');
  });

  test('relative paths start at the home of the domain', () => {
    const harness = new StoreHarness();
    harness.dom0().write('name', 'Domain-0');
    expect(harness.dom0().read('/local/domain/0/name')).toBe('Domain-0');
    expect(harness.guest(7).write('x/y', '1')).toBe('OK');
    expect(harness.dom0().read('/local/domain/7/x/y')).toBe('1');
  });

  test('an empty folder lists nothing', () => {
    expect(new StoreHarness().dom0().ask({ name: 'directory', path: '/tool/xenstored' })).toBe('');
  });
});

describe('paths', () => {
  const long = 'p'.repeat(2047);
  test.each([
    ['/a b', 'EINVAL'],
    ['/a/', 'EINVAL'],
    ['//a', 'EINVAL'],
    ['/a//b', 'EINVAL'],
    ['', 'EINVAL'],
    ['/a.b', 'EINVAL'],
    ['@releaseDomain', 'EINVAL'],
    [`/${long}`, 'ENOENT'],
    [`/${long}p`, 'EINVAL'],
    [`/local/domain/12345/${long}`, 'ENOENT'],
    [`/local/domain/12345/${long}p`, 'ENOENT'],
    [`/local/domain/12345/${long}pp`, 'EINVAL'],
  ])('reading %s is %s', (path, answer) => {
    expect(new StoreHarness().dom0().read(path)).toBe(answer);
  });
});

describe('a list that is longer than a message', () => {
  const harness = new StoreHarness();
  const dom0 = harness.dom0();
  const names = Array.from({ length: 5000 }, (_, index) => `child-${index}`);
  for (const name of names) dom0.write(`/many/${name}`, '');

  test('is refused whole', () => {
    expect(dom0.ask({ name: 'directory', path: '/many' })).toBe('E2BIG');
  });

  test('comes in parts of whole names, all of one generation', () => {
    const seen: string[] = [];
    const generations = new Set<string>();
    for (let offset = 0; ;) {
      const part = dom0.ask({ name: 'directoryPart', path: '/many', offset: String(offset) });
      const [generation = '', ...found] = part.split(' ');
      generations.add(generation);
      const isLast = found.at(-1) === '';
      if (isLast) found.pop();
      seen.push(...found);
      offset += found.join('\0').length + 1;
      if (isLast) break;
    }
    expect(seen).toEqual(names);
    expect(generations.size).toBe(1);
  });
});

describe('requests that only Dom0 may make', () => {
  test.each([
    { name: 'control', words: ['check'] },
    { name: 'introduce', domid: '7', frame: '1', port: '1' },
    { name: 'release', domid: '7' },
    { name: 'resume', domid: '7' },
    { name: 'isDomainIntroduced', domid: '7' },
    { name: 'setTarget', domid: '7', target: '7' },
  ] as const)('%j is EACCES for a guest', (request) => {
    expect(new StoreHarness().guest(7).ask(request)).toBe('EACCES');
  });

  test('anyone may ask for the home of a domain', () => {
    const guest = new StoreHarness().guest(7);
    expect(guest.ask({ name: 'getDomainPath', domid: '9' })).toBe('/local/domain/9');
  });
});

describe('control', () => {
  const ask = (...words: string[]): string => {
    const harness = new StoreHarness();
    return [harness.dom0().ask({ name: 'control', words }), ...harness.reports].join('|');
  };
  test('check answers, print reports, help lists', () => {
    expect(ask('check')).toBe('OK');
    expect(ask('print', 'hello')).toBe('OK|control: hello');
    expect(ask('help')).toContain('quota\t[set <name> <val>|<domid>]');
    expect(ask('quota', '0')).toMatch(/^Domain 0:\nnodes/);
  });
  test('what is not a command is EINVAL', () => {
    expect(ask('fly')).toBe('EINVAL');
    expect(ask('print')).toBe('EINVAL');
    expect(ask('quota', '5')).toBe('ENOENT');
  });
});
