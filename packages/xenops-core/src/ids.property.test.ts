import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bytesFromVmUuid, domid, findDomid, vmUuid, vmUuidFromBytes } from './ids.ts';

test('sixteen bytes survive the way through a uuid and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      expect([...bytesFromVmUuid(vmUuidFromBytes(bytes))]).toEqual([...bytes]);
    }),
  );
});

test('a uuid in any case is the same uuid', () => {
  fc.assert(
    fc.property(fc.uuid(), (text) => {
      expect(vmUuid(text.toUpperCase())).toBe(text);
      expect(vmUuid(text)).toBe(text);
    }),
  );
});

test('text is a domid exactly when it is how a domid is written', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(0x7fef).map(String), fc.nat().map(String), fc.string()), (text) => {
      const found = findDomid(text);
      if (found === undefined) return;
      expect(String(found)).toBe(text);
      expect(domid(found)).toBe(found);
    }),
  );
  fc.assert(
    fc.property(fc.nat(0x7fef), (value) => {
      expect(findDomid(String(value))).toBe(value);
    }),
  );
});
