import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BASIC_CODES, type BasicType, type DbusType } from './dbus-type.ts';
import {
  parseSignature,
  parseType,
  renderSignature,
  renderType,
  SignatureError,
} from './signature.ts';

const basic: fc.Arbitrary<BasicType> = fc
  .constantFrom(...BASIC_CODES)
  .map((code) => ({ kind: 'basic', code }));

const { type } = fc.letrec<{ type: DbusType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    basic,
    fc.constant<DbusType>({ kind: 'variant' }),
    tie('type').map((element): DbusType => ({ kind: 'array', element })),
    fc.tuple(basic, tie('type')).map(([key, value]): DbusType => ({ kind: 'dict', key, value })),
    fc
      .array(tie('type'), { minLength: 1, maxLength: 4 })
      .map((fields): DbusType => ({ kind: 'struct', fields })),
  ),
}));

test('every type comes back from its text', () => {
  fc.assert(
    fc.property(type, (one) => {
      const text = renderType(one);
      fc.pre(text.length <= 255);
      expect(parseType(text)).toEqual(one);
    }),
  );
});

test('any text is a signature that is rendered the same, or a SignatureError', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'y b n q i u x t d s o g h v a ( ) { } z'.split(' ')),
    maxLength: 40,
  });
  fc.assert(
    fc.property(text, (one) => {
      try {
        expect(renderSignature(parseSignature(one))).toBe(one);
      } catch (error) {
        expect(error).toBeInstanceOf(SignatureError);
      }
    }),
  );
});
