import { beforeEach, describe, expect, test } from '@jest/globals';
import { EMPTY_FOLDER } from '../db/tree.ts';
import { Draft } from '../db/view.ts';
import { environmentXml } from './environment.ts';
import { productProperties, readProduct, writeProduct } from './product-properties.ts';

let draft: Draft;
beforeEach(() => {
  draft = new Draft(EMPTY_FOLDER);
});

function add(uuid: string, id: string, fields: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries({ key: id, ...fields })) {
    draft.write(`/vm/${uuid}/productproperty/${id}/${key}`, value);
  }
}

describe('a product property', () => {
  test.each([
    ['uint8', '255', '256'],
    ['sint8', '-128', '-129'],
    ['uint64', '18446744073709551615', '18446744073709551616'],
    ['sint64', '-9223372036854775808', '9223372036854775808'],
    ['uint16', '0', '-1'],
    ['real32', '-1.5e10', 'many'],
    ['Boolean', 'true', 'yes'],
    ['String', 'any <text>', 'with \0'],
  ])('of the type %s takes %j and not %j', (type, good, bad) => {
    add('a', 'p', { type });
    writeProduct(draft, 'a', 'p', good);
    expect(() => writeProduct(draft, 'a', 'p', bad)).toThrow(
      expect.objectContaining({ code: 'BAD_VALUE' }),
    );
    expect(readProduct(draft, 'a', 'p')).toBe(good);
  });

  test('that is not there cannot be set, and no stray value is stored', () => {
    draft.write('/vm/a/name', 'a');
    const before = draft.dump('/vm/a');
    expect(() => writeProduct(draft, 'a', 'x', '1')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
    expect(draft.dump('/vm/a')).toBe(before);
  });

  test('is listed when it has a key', () => {
    add('a', 'p', { type: 'uint8', password: 'true', description: 'd' });
    add('a', 'q', { key: '' });
    expect(productProperties(draft, 'a')).toEqual([
      {
        ...{ id: 'p', type: 'uint8', key: 'p', class: '', instance: '', description: 'd' },
        ...{ isUserConfigurable: false, isPassword: true },
      },
    ]);
  });
});

describe('the environment', () => {
  test('has the properties of the VM and of those beside it, and nothing breaks out of them', () => {
    draft.write('/vm/a/appliance', 'shop');
    draft.write('/vm/b/appliance', 'shop');
    draft.write('/vm/c/appliance', 'other');
    draft.write('/vm/b/vsid', 'web');
    add('a', 'p', { value: '"/><x a="&\n\u0001' });
    add('b', 'q', { value: '1' });
    add('c', 'r', { value: '2' });
    const text = environmentXml(draft, 'a');
    expect(text).toContain('oe:key="p" oe:value="&#34;/&#62;&#60;x a=&#34;&#38;&#10;?"');
    expect(text).toContain('<Entity oe:id="web">');
    expect(text).toContain('oe:key="q" oe:value="1"');
    expect(text).not.toContain('oe:key="r"');
  });

  test('of a VM that belongs to nothing is not there', () => {
    draft.write('/vm/a/name', 'a');
    expect(() => environmentXml(draft, 'a')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
  });
});
