import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FrameDecoder } from './frame.ts';
import { MessageType } from './message-type.ts';
import { decodeRequest, encodeRequest, type Request } from './request.ts';

/** Text of a field: anything without a NUL that UTF-8 can carry. */
const text = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((field) => !field.includes('\0'));
const filled = text.filter((field) => field !== '');
const value = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));

const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    name: fc.constantFrom('directory', 'read', 'getPermissions', 'mkdir', 'rm'),
    path: text,
  }),
  fc.record({
    name: fc.constantFrom('release', 'getDomainPath', 'isDomainIntroduced', 'resume'),
    domid: text,
  }),
  fc.record({ name: fc.constantFrom('transactionStart', 'resetWatches') }),
  fc.record({ name: fc.constant('directoryPart'), path: text, offset: text }),
  fc.record({ name: fc.constant('write'), path: text, value }),
  fc.record({
    name: fc.constant('setPermissions'),
    path: text,
    permissions: fc.array(text, { minLength: 1 }),
  }),
  fc.record({ name: fc.constant('watch'), path: text, token: text }),
  fc.record({ name: fc.constant('watch'), path: text, token: text, depth: filled }),
  fc.record({ name: fc.constant('unwatch'), path: text, token: text }),
  fc.record({ name: fc.constant('transactionEnd'), commit: fc.boolean() }),
  fc.record({ name: fc.constant('introduce'), domid: text, frame: text, port: text }),
  fc.record({ name: fc.constant('setTarget'), domid: text, target: text }),
  fc.record({ name: fc.constant('getFeature') }),
  fc.record({ name: fc.constant('getFeature'), domid: text }),
  fc.record({ name: fc.constant('setFeature'), domid: text, features: text }),
  fc.record({ name: fc.constant('getQuota') }),
  fc.record({ name: fc.constant('getQuota'), quota: text }),
  fc.record({ name: fc.constant('getQuota'), domid: text, quota: text }),
  fc.record({ name: fc.constant('setQuota'), quota: text, limit: text }),
  fc.record({ name: fc.constant('setQuota'), domid: text, quota: text, limit: text }),
  fc.record({ name: fc.constant('control'), words: fc.array(text, { minLength: 1 }) }),
);

test('every request survives the way to bytes and back, with its ids', () => {
  const word = fc.nat(0xffffffff);
  fc.assert(
    fc.property(request, word, word, (sent, requestId, transactionId) => {
      const decoder = new FrameDecoder();
      decoder.push(encodeRequest(sent, { requestId, transactionId }));
      const frame = decoder.next();
      expect(frame).toMatchObject({ requestId, transactionId });
      expect(frame === undefined ? undefined : decodeRequest(frame)).toEqual(sent);
    }),
    { numRuns: 1000 },
  );
});

test('any type with any payload is a request or a bad one, and never an exception', () => {
  const type = fc.oneof(fc.constantFrom(...Object.values(MessageType)), fc.nat(0xffffffff));
  const bytes = fc.array(fc.oneof(fc.constantFrom(0, 0, 0x2f, 0x54), fc.nat(255)), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(type, bytes, (number, payload) => {
      const decoded = decodeRequest({
        type: number,
        requestId: 1,
        transactionId: 0,
        payload: Buffer.from(payload),
      });
      if (decoded.name === 'bad') expect(['EINVAL', 'ENOSYS']).toContain(decoded.error);
      else expect(MessageType[decoded.name]).toBe(number);
    }),
    { numRuns: 1000 },
  );
});
