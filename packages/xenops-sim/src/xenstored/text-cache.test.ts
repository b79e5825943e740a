import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TextCache } from './text-cache.ts';

test('gives the text of any bytes, however often and in whatever order they are asked for', () => {
  const texts = fc.array(fc.uint8Array({ maxLength: 140 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(texts, (list) => {
      const cache = new TextCache();
      for (const bytes of [...list, ...list.toReversed(), ...list]) {
        const padded = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]);
        const expected = Buffer.from(bytes).toString('latin1');
        expect(cache.find(padded, 2, 2 + bytes.length)).toBe(expected);
      }
    }),
  );
});

test('the same bytes give the very same text, so that nothing is made anew', () => {
  const cache = new TextCache();
  const bytes = Buffer.from('/local/domain/1');
  const first = cache.find(bytes, 0, bytes.length);
  expect(Object.is(cache.find(Buffer.from(bytes), 0, bytes.length), first)).toBe(true);
});
