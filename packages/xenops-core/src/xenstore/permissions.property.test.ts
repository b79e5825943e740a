import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hasCode } from '../errors.ts';
import { domid } from '../ids.ts';
import { parsePermissions, renderPermissions } from './permissions.ts';

const anyDomid = fc.nat(0x7fef).map(domid);
const access = fc.constantFrom('none', 'read', 'write', 'both');
const permissions = fc.record({
  owner: anyDomid,
  others: access,
  listed: fc.array(fc.record({ domid: anyDomid, access })),
});

test('a permission list survives the way to text and back', () => {
  fc.assert(
    fc.property(permissions, (list) => {
      expect(parsePermissions(renderPermissions(list))).toEqual(list);
    }),
  );
});

test('any texts are a list, which renders as it came, or PROTOCOL_REMOTE', () => {
  const nearly = fc.tuple(fc.constantFrom('n', 'r', 'w', 'b', 'x', ''), fc.nat(40_000)).map(String);
  const text = fc.oneof(
    fc.string(),
    nearly.map((pair) => pair.replace(',', '')),
  );
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      try {
        expect(renderPermissions(parsePermissions(texts))).toEqual(texts);
      } catch (error) {
        if (!hasCode(error, 'PROTOCOL_REMOTE')) throw error;
      }
    }),
  );
});
