import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PathIndex } from './path-index.ts';

const path = fc
  .array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 4 })
  .map((names) => `/${names.join('/')}`);

test('it gives what a look at all paths would give, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(path, { maxLength: 30 }), fc.array(path, { maxLength: 30 }), (add, rm) => {
      const index = new PathIndex<string>();
      const all = new Set<string>();
      for (const one of add) {
        if (!all.has(one)) index.add(one, one);
        all.add(one);
      }
      for (const one of rm) {
        if (all.delete(one)) index.remove(one);
      }
      for (const root of ['/', '/a', '/a/b', '/ab', '/b/b/b']) {
        const prefix = root === '/' ? '/' : `${root}/`;
        const below = [...all].filter((one) => one !== root && one.startsWith(prefix));
        const names = below.map((one) => one.slice(prefix.length).split('/')[0]);
        expect(index.find(root)).toBe(all.has(root) ? root : undefined);
        expect(index.has(root)).toBe(all.has(root) || below.length > 0);
        expect(index.children(root)).toEqual(new Set(names));
        expect(new Set([...index.below(root)].map(([one]) => one))).toEqual(new Set(below));
      }
    }),
  );
});
