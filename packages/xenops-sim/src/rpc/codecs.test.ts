import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import { decodeError, encodeError } from './error-codec.ts';
import { LineReader } from './line-reader.ts';
import { findClientMessage, findServerMessage } from './messages.ts';
import { decodeValue, encodeValue } from './value-codec.ts';

test('plain data comes back as it was, with numbers that JSON has no form for', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.bigInt(),
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.constantFrom(Infinity, -Infinity, null, true),
  );
  const key = fc.string().filter((name) => !name.startsWith('$') && name !== '__proto__');
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(value, (data) => {
      const text = encodeValue(data);
      expect(text).not.toContain('\n');
      expect(decodeValue(text)).toEqual(data);
    }),
  );
});

test('bytes come back as bytes, and functions as what the other side makes of their numbers', () => {
  const kept: unknown[] = [];
  const call = (): string => 'called';
  const text = encodeValue(
    { bytes: new Uint8Array([0, 255]), buffer: Buffer.from('hi'), call },
    (fn) => kept.push(fn),
  );
  expect(kept).toEqual([call]);
  expect(decodeValue(text, (fn) => () => `made ${fn}`)).toEqual({
    bytes: new Uint8Array([0, 255]),
    buffer: new Uint8Array(Buffer.from('hi')),
    call: expect.any(Function),
  });
  expect(decodeValue(encodeValue({ call }))).toEqual({});
});

test('an error comes back as its class, with code, context and the text of its cause', () => {
  const error = new HypervisorError('HYPERVISOR_NO_DOMAIN', {
    message: 'There is no domain 9',
    context: { domid: 9, frame: 7n },
    cause: new Error('deeper'),
  });
  const back = decodeError(
    decodeValue(encodeValue(encodeError(error))) as ReturnType<typeof encodeError>,
  );
  expect(back).toBeInstanceOf(HypervisorError);
  expect(back).toMatchObject({ code: error.code, message: error.message, context: error.context });
  expect(back.cause).toMatchObject({ message: 'deeper' });
  expect(decodeError(encodeError(new AbortedError({ message: 'x' })))).toBeInstanceOf(AbortedError);
  expect(decodeError(encodeError(new TypeError('x'))).code).toBe('HYPERVISOR_CALL_FAILED');
});

describe('lines', () => {
  test('come whole, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string()),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (texts, cuts) => {
          const lines = texts.map((text) => text.replaceAll('\n', ''));
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const reader = new LineReader(1000);
          const seen: string[] = [];
          for (let at = 0; at < bytes.length;) {
            const length = cuts.next().value as number;
            seen.push(...(reader.push(bytes.subarray(at, at + length)) ?? []));
            at += length;
          }
          expect(seen).toEqual(lines);
        },
      ),
    );
  });
  test('over the limit end the stream, finished or not', () => {
    expect(new LineReader(4).push(Buffer.from('12345'))).toBeUndefined();
    expect(new LineReader(4).push(Buffer.from('12345\n'))).toBeUndefined();
    expect(new LineReader(4).push(Buffer.from('1234\n'))).toEqual(['1234']);
  });
});

describe('messages', () => {
  test.each([
    '{}',
    'null',
    '[]',
    'not json',
    '{"kind":"call","id":1,"verb":"fly","args":[]}',
    '{"kind":"call","id":1,"verb":"constructor","args":[]}',
    '{"kind":"call","id":"1","verb":"version","args":[]}',
    '{"kind":"call","id":1,"verb":"version"}',
    '{"kind":"call","id":1,"verb":"openRings","args":[]}',
    '{"kind":"refusal","id":1}',
    '{"kind":"call","id":1,"verb":"version","args":[{"$bigint":"x"}]}',
  ])('%s is none of a client', (line) => {
    expect(findClientMessage(line)).toBeUndefined();
  });
  test('those of the other side are told apart', () => {
    expect(findClientMessage('{"kind":"abort","id":3}')).toEqual({ kind: 'abort', id: 3 });
    expect(findServerMessage('{"kind":"result","id":3,"value":{"$bigint":"7"}}')).toEqual({
      kind: 'result',
      id: 3,
      value: 7n,
    });
    expect(findServerMessage('{"kind":"failure","id":3}')).toBeUndefined();
  });
});
