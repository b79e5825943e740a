import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NameCache } from './name-cache.ts';

test('it gives the text of the very bytes that it was given, or nothing', () => {
  const cache = new NameCache();
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), fc.nat({ max: 9 }), (text, start) => {
      const name = Buffer.from(text);
      const bytes = Buffer.concat([Buffer.alloc(start), name, Buffer.from('rest')]);
      const before = cache.find(bytes, start, name.length);
      expect([undefined, name.toString()]).toContain(before);
      cache.keep(bytes, start, name.length, name.toString());
      // The message is overwritten by the next one.
      const copy = Buffer.from(bytes);
      bytes.fill(0x78);
      const expected = name.length > 64 ? undefined : name.toString();
      expect(cache.find(copy, start, name.length)).toBe(expected);
    }),
  );
});
