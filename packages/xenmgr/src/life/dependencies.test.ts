import { describe, expect, test } from '@jest/globals';
import { EMPTY_FOLDER } from '../db/tree.ts';
import { Draft, type View } from '../db/view.ts';
import {
  assertCanDependOn,
  dependencyEdges,
  dependencyOrder,
  nicBackends,
} from './dependencies.ts';

const [A, B, C] = ['a', 'b', 'c'].map((last) => `00000000-0000-4000-8000-00000000000${last}`);
const DOM0 = '00000000-0000-0000-0000-000000000000';

function view(settings: Readonly<Record<string, string>>): View {
  const draft = new Draft(EMPTY_FOLDER);
  for (const [path, text] of Object.entries(settings)) draft.write(`/vm/${path}`, text);
  return draft;
}

const nobody = async (): Promise<string> => '';

describe('the back-end of a NIC', () => {
  test.each([
    ['its own uuid', { [`${A}/config/nic/0/backend-uuid`]: String(B) }, B, true],
    ['a name', { [`${A}/config/nic/0/backend-name`]: 'net', [`${B}/name`]: 'net' }, B, true],
    ['Dom0', { [`${A}/config/nic/0/backend-uuid`]: DOM0 }, '', true],
    [
      'the default',
      { [`${A}/config/nic/0/network`]: '/n', [`${C}/provides-default-network-backend`]: 'true' },
      C,
      false,
    ],
  ])('is found by %s', async (_how, settings, uuid, isExplicit) => {
    const found = await nicBackends(view(settings), String(A), nobody);
    expect([...found]).toEqual([[0, { uuid, isExplicit }]]);
  });

  test('is what carries its network, asked for once for all VMs', async () => {
    const asked: string[] = [];
    const settings = {
      [`${A}/config/nic/0/network`]: 'brbridged',
      [`${B}/config/nic/0/network`]: '/wired/0/bridged',
    };
    const edges = await dependencyEdges(view(settings), async (network) => {
      asked.push(network);
      return String(C);
    });
    expect([edges.get(String(A)), edges.get(String(B)), asked]).toEqual([
      [C],
      [C],
      ['/wired/0/bridged'],
    ]);
  });

  test('of a disabled NIC is nobody', async () => {
    const settings = {
      [`${A}/config/nic/0/backend-uuid`]: String(B),
      [`${A}/config/nic/0/enable`]: 'false',
    };
    expect(await nicBackends(view(settings), String(A), nobody)).toEqual(new Map());
  });
});

describe('the order', () => {
  test('has each behind what it needs, once', () => {
    const edges = new Map([
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d']],
    ]);
    expect(dependencyOrder(edges, 'a')).toEqual(['d', 'b', 'c']);
  });

  test('names a cycle, and only those that reach it cannot start', () => {
    const edges = new Map([
      ['a', ['b']],
      ['b', ['a']],
      ['c', []],
    ]);
    expect(() => dependencyOrder(edges, 'a')).toThrow(/a needs b needs a/);
    expect(dependencyOrder(edges, 'c')).toEqual([]);
  });
});

describe('what a VM may depend on by name', () => {
  const settings = { [`${A}/name`]: 'a', [`${B}/depends-on/0`]: String(C), [`${C}/name`]: 'c' };

  test('is any VM that exists, several of them, or none', () => {
    for (const list of [`${B}; ${C}`, String(C), '']) {
      expect(() => assertCanDependOn(view(settings), String(A), list)).not.toThrow();
    }
  });

  test('is neither a VM that does not exist, nor one that needs it, by whatever way: the way is named', () => {
    const check = (uuid: unknown, list: unknown) => () =>
      assertCanDependOn(view(settings), String(uuid), String(list));
    expect(check(A, DOM0)).toThrow(`there is no such VM`);
    expect(check(A, A)).toThrow(`${A} needs ${A}`);
    expect(check(C, B)).toThrow(`The VM ${C} cannot depend on itself: ${C} needs ${B} needs ${C}`);
  });

  test('with a circle of others is not in a circle itself', () => {
    const others = { ...settings, [`${C}/depends-on/0`]: String(B) };
    expect(() => assertCanDependOn(view(others), String(A), String(B))).not.toThrow();
  });
});
