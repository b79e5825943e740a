import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { argoOpenings, type ArgoVm } from './argo-openings.ts';
import { formatArgoRule, parseArgoRule, type ArgoRule, type Endpoint } from './argo-rule.ts';

const UUIDS = ['a', 'b', 'c'].map((digit) => `11111111-0000-4000-8000-00000000000${digit}`);

const plain: fc.Arbitrary<Endpoint> = fc
  .constantFrom('any', 'dom0', 'myself', 'my-stubdom', 'seamless', 'myself-if-seamless')
  .map((kind) => ({ kind }));
const named: fc.Arbitrary<Endpoint> = fc.oneof(
  fc.constantFrom(...UUIDS).map((value): Endpoint => ({ kind: 'uuid', value })),
  fc
    .stringMatching(/^[A-Za-z0-9_.-]{1,12}$/)
    .map((value): Endpoint => ({ kind: 'dom-type', value })),
  fc
    .stringMatching(/^[A-Za-z0-9][A-Za-z0-9 :,()_-]{0,20}$/)
    .filter((value) => !value.includes('->'))
    .map((value): Endpoint => ({ kind: 'dom-name', value })),
);
const end = fc.record({ who: fc.oneof(plain, named), port: fc.nat({ max: 0xffff_ffff }) });
const rule: fc.Arbitrary<ArgoRule> = fc.record({ from: end, to: end });
const running: fc.Arbitrary<readonly ArgoVm[]> = fc
  .array(
    fc.record({
      stubDomid: fc.option(fc.integer({ min: 100, max: 200 }), { nil: undefined }),
      name: fc.constantFrom('Work', 'work', 'Two words'),
      type: fc.constantFrom('svm', 'ndvm'),
      isSeamless: fc.boolean(),
      rules: fc.array(rule, { maxLength: 4 }),
    }),
    { maxLength: 3 },
  )
  .map((vms) => vms.map((vm, at) => ({ ...vm, uuid: UUIDS[at] ?? '', domid: at + 1 })));

describe('a rule between domains', () => {
  test('is read back from its one text, whatever it says', () => {
    fc.assert(
      fc.property(rule, (one) => {
        expect(parseArgoRule(formatArgoRule(one))).toEqual(one);
      }),
    );
  });

  test.each([
    ['MYSELF->0:5000', 'myself -> 0:5000'],
    ['  my-stubdom  ->  * ', 'my-stubdom -> *'],
    ['dom-name="My VM":7 -> dom-type=ndvm', 'dom-name="My VM":7 -> dom-type=ndvm'],
    ['0:* -> myself', '0 -> myself'],
  ])('%j is %j', (text, canonical) => {
    expect(formatArgoRule(parseArgoRule(text))).toBe(canonical);
  });

  test.each(['', 'a', '0 -> ', '7 -> 0', '0:99999999999 -> 0', '0 -> 0 -> 0', 'dom-name= -> 0'])(
    '%j is none',
    (text) => {
      expect(() => parseArgoRule(text)).toThrow(
        expect.objectContaining({ code: 'BAD_FIREWALL_RULE' }),
      );
    },
  );
});

describe('what is open', () => {
  test('is open for the answers as well, with ends and ports exchanged, and never from a domain to itself', () => {
    fc.assert(
      fc.property(running, (vms) => {
        const open = argoOpenings(vms);
        for (const words of open) {
          expect(open).toContain(exchanged(words));
          const [from, to] = ['in', 'out'].map(
            (way) => new RegExp(`--dom-${way} (\\d+)`).exec(words)?.[1],
          );
          expect(from === undefined && to === undefined).toBe(false);
          expect(from).not.toBe(to);
        }
      }),
    );
  });

  test('goes by the names of VMs exactly', () => {
    const rules = [parseArgoRule('dom-name=Work -> 0:5')];
    const vm = (name: string, domid: number): ArgoVm => ({
      ...{ uuid: UUIDS[domid] ?? '', domid, name, type: 'svm', isSeamless: false },
      ...{ stubDomid: undefined, rules },
    });
    expect([...argoOpenings([vm('Work', 1), vm('work', 2)])]).toEqual([
      '--dom-in 1 --dom-out 0 --port-out 5 -j ACCEPT',
      '--dom-in 0 --dom-out 1 --port-in 5 -j ACCEPT',
    ]);
  });

  test('is nothing for a rule whose VM does not run', () => {
    expect(argoOpenings([]).size).toBe(0);
  });
});

/** The same words the other way, in the order in which they are written. */
function exchanged(words: string): string {
  const find = (name: string): string | undefined =>
    new RegExp(`--${name} (\\d+)`).exec(words)?.[1];
  const parts = [
    ['dom-in', find('dom-out')],
    ['dom-out', find('dom-in')],
    ['port-in', find('port-out')],
    ['port-out', find('port-in')],
  ];
  return [
    ...parts.flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`])),
    '-j ACCEPT',
  ].join(' ');
}
