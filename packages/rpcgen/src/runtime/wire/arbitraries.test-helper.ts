/** Random types with random values of them, as deep as a test can bear. */
import fc from 'fast-check';
import { INTEGER_RANGES, type BasicCode, type DbusType } from '../../model/dbus-type.ts';
import { renderSignature, renderType } from '../../model/signature.ts';

const basicCode = fc.constantFrom<Exclude<BasicCode, 'h'>[]>(
  ...(['y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g'] as const),
);
const basic = basicCode.map((code) => ({ kind: 'basic', code }) as const);

/** Any type without descriptors. */
export const dbusType: fc.Arbitrary<DbusType> = fc.letrec<{ type: DbusType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    basic,
    fc.constant({ kind: 'variant' } as const),
    tie('type').map((element) => ({ kind: 'array', element }) as const),
    fc.record({ kind: fc.constant('dict' as const), key: basic, value: tie('type') }),
    fc
      .array(tie('type'), { minLength: 1, maxLength: 4 })
      .map((fields) => ({ kind: 'struct', fields }) as const),
  ),
})).type;

/** A body: types and a value of each. */
export const body: fc.Arbitrary<{ signature: string; values: unknown[] }> = fc
  .array(dbusType, { maxLength: 4 })
  .filter((types) => renderSignature(types).length <= 255)
  .chain((types) =>
    fc
      .tuple(...types.map((type) => valueOf(type, 3)))
      .map((values) => ({ signature: renderSignature(types), values })),
  );

const text = fc
  .string({ unit: 'binary', maxLength: 60 })
  .filter((one) => !one.includes('\0') && !/\p{Surrogate}/u.test(one));
const pathPart = fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/);
const path = fc.array(pathPart, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const signature = fc
  .array(dbusType, { maxLength: 3 })
  .map(renderSignature)
  .filter((one) => one.length <= 255);

function basicValue(code: BasicCode): fc.Arbitrary<unknown> {
  switch (code) {
    case 'b':
      return fc.boolean();
    case 'd':
      return fc.double();
    case 's':
      return text;
    case 'o':
      return path;
    case 'g':
      return signature;
    case 'x':
    case 't': {
      const [min, max] = INTEGER_RANGES[code];
      return fc.bigInt({ min, max });
    }
    case 'h':
      return fc.nat(0);
    default: {
      const [min, max] = INTEGER_RANGES[code];
      return fc.integer({ min: Number(min), max: Number(max) });
    }
  }
}

function valueOf(type: DbusType, variants: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'basic':
      return basicValue(type.code);
    case 'variant':
      return (variants === 0 ? basic : dbusType)
        .filter((inner) => renderType(inner).length <= 255)
        .chain((inner) =>
          fc.record({
            signature: fc.constant(renderType(inner)),
            value: valueOf(inner, Math.max(variants - 1, 0)),
          }),
        );
    case 'array':
      if (type.element.kind === 'basic' && type.element.code === 'y') {
        return fc.uint8Array({ maxLength: 20 });
      }
      return fc.array(valueOf(type.element, variants), { maxLength: 4 });
    case 'dict':
      return fc
        .array(fc.tuple(valueOf(type.key, variants), valueOf(type.value, variants)), {
          maxLength: 4,
        })
        .map((entries) => new Map(entries));
    case 'struct':
      return fc.tuple(...type.fields.map((field) => valueOf(field, variants)));
  }
}
