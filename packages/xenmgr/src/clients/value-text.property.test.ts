import { expect, test } from '@jest/globals';
import { parseType, renderType, type DbusType } from '@xenops/rpcgen';
import fc from 'fast-check';
import { findIntegerRange } from './describe-type.ts';
import { renderValue } from './render-value.ts';
import { parseValueText, ValueTextError } from './value-text.ts';

const CODES = ['y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g'] as const;
const basic = fc.constantFrom(...CODES).map((code) => ({ kind: 'basic', code }) as const);

/** Any type that can be written, variants without variants inside. */
const anyType: fc.Arbitrary<DbusType> = fc.letrec<{ type: DbusType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    basic,
    fc.constant({ kind: 'variant' } as const),
    tie('type').map((element) => ({ kind: 'array', element }) as const),
    fc.record({ kind: fc.constant('dict' as const), key: basic, value: tie('type') }),
    fc
      .array(tie('type'), { minLength: 1, maxLength: 3 })
      .map((fields) => ({ kind: 'struct', fields }) as const),
  ),
})).type;

const path = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/), { maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`);

function basicValue(code: string): fc.Arbitrary<unknown> {
  const range = findIntegerRange(code);
  if (range !== undefined) {
    const value = fc.bigInt({ min: range.least, max: range.most });
    return code === 'x' || code === 't' ? value : value.map(Number);
  }
  if (code === 'b') return fc.boolean();
  if (code === 'd') return fc.double();
  if (code === 'o') return path;
  return code === 'g' ? basic.map(renderType) : fc.string({ unit: 'binary', maxLength: 20 });
}

function valueOf(type: DbusType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'basic':
      return basicValue(type.code);
    case 'variant':
      return basic.chain((inner) =>
        fc.record({ signature: fc.constant(renderType(inner)), value: valueOf(inner) }),
      );
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y'
        ? fc.uint8Array({ maxLength: 8 })
        : fc.array(valueOf(type.element), { maxLength: 3 });
    case 'dict':
      return fc
        .array(fc.tuple(valueOf(type.key), valueOf(type.value)), { maxLength: 3 })
        .map((entries) => new Map(entries));
    case 'struct':
      return fc.tuple(...type.fields.map(valueOf));
  }
}

const QUOTED: readonly string[] = ['s', 'o', 'g'];

/** The text that stands for a value, with as many blanks as the grammar allows. */
function textOf(type: DbusType, value: unknown, isInside: boolean): string {
  switch (type.kind) {
    case 'basic': {
      if (!isInside || !QUOTED.includes(type.code)) return renderValue(type, value);
      return `'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    }
    case 'variant': {
      const { signature, value: held } = value as { signature: string; value: unknown };
      return `${signature}:${textOf(parseType(signature), held, isInside)}`;
    }
    case 'array': {
      const items = Array.from(value as Iterable<unknown>);
      return `[ ${items.map((item) => textOf(type.element, item, true)).join(' ,\n')} ]`;
    }
    case 'dict': {
      const entries = [...(value as Map<unknown, unknown>)].map(([key, item]) => {
        return `${textOf(type.key, key, true)} : ${textOf(type.value, item, true)}`;
      });
      return `{${entries.join(', ')}}`;
    }
    case 'struct': {
      const fields = value as readonly unknown[];
      return `[${type.fields.map((field, index) => textOf(field, fields[index], true)).join(',')}]`;
    }
  }
}

test('every value can be written, and is read back as it was', () => {
  const typeAndValue = anyType.chain((type) => fc.tuple(fc.constant(type), valueOf(type)));
  fc.assert(
    fc.property(typeAndValue, ([type, value]) => {
      expect(parseValueText(textOf(type, value, false), type)).toEqual(value);
    }),
  );
});

test('what is printed for a basic value is read back as that value', () => {
  const typeAndValue = basic.chain((type) => fc.tuple(fc.constant(type), valueOf(type)));
  fc.assert(
    fc.property(typeAndValue, ([type, value]) => {
      expect(parseValueText(renderValue(type, value), type)).toEqual(value);
    }),
  );
});

test('any text is a value or is refused with what would be right', () => {
  fc.assert(
    fc.property(
      anyType,
      fc.string({ unit: fc.constantFrom(...Array.from(`[]{}:,"'\\ -019.atrues/`)) }),
      (type, text) => {
        try {
          parseValueText(text, type);
        } catch (error) {
          if (!(error instanceof ValueTextError)) throw error;
          expect(error.expected).not.toBe('');
          expect(error.index).toBeLessThanOrEqual(text.length);
        }
      },
    ),
  );
});

test('a list prints as many lines as it has elements', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (numbers) => {
      expect(renderValue(parseType('ai'), numbers).split('\n')).toEqual(numbers.map(String));
    }),
  );
});
