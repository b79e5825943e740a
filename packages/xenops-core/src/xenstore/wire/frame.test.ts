import { describe, expect, test } from '@jest/globals';
import { encodeFrame, FrameDecoder, splitTexts } from './frame.ts';

const header = (type: number, length: number): Buffer => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(length, 12);
  return bytes;
};

describe('encodeFrame', () => {
  test('writes type, request, transaction and length as little-endian words, then the parts', () => {
    const ids = { type: 2, requestId: 0x01020304, transactionId: 0xfffffffe };
    const frame = encodeFrame(ids, ['/vm', '\0', Uint8Array.of(0xff)]);
    expect(frame.toString('hex')).toBe(
      ['02000000', '04030201', 'feffffff', '05000000', '2f766d00', 'ff'].join(''),
    );
  });

  test('counts bytes, not characters', () => {
    const frame = encodeFrame({ type: 2, requestId: 1, transactionId: 0 }, ['\u20ac']);
    expect(frame.subarray(12).toString('hex')).toBe('03000000e282ac');
  });

  test('refuses a byte more than 4096 with PROTOCOL_LOCAL and takes exactly that many', () => {
    const ids = { type: 11, requestId: 1, transactionId: 0 };
    expect(encodeFrame(ids, ['a', Buffer.alloc(4095)])).toHaveLength(16 + 4096);
    expect(() => encodeFrame(ids, ['ab', Buffer.alloc(4095)])).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_LOCAL' }),
    );
  });
});

describe('FrameDecoder', () => {
  test('takes a payload of 4096 bytes', () => {
    const decoder = new FrameDecoder();
    decoder.push(header(2, 4096));
    expect(decoder.next()).toBeUndefined();
    decoder.push(Buffer.alloc(4096));
    expect(decoder.next()?.payload).toHaveLength(4096);
  });

  test.each([4097, 0x7fffffff, 0xffffffff])(
    'refuses an announced length of %d with PROTOCOL_REMOTE, before any of it has come',
    (length) => {
      const decoder = new FrameDecoder();
      decoder.push(header(2, length));
      expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'PROTOCOL_REMOTE' }));
    },
  );

  test('stays broken after an over-long frame, whatever comes next', () => {
    const decoder = new FrameDecoder();
    decoder.push(header(2, 5000));
    const errors = [1, 2, 3].map(() => {
      try {
        decoder.push(encodeFrame({ type: 2, requestId: 1, transactionId: 0 }, ['fine']));
        return decoder.next();
      } catch (error) {
        return error;
      }
    });
    expect(errors[0]).toMatchObject({ code: 'PROTOCOL_REMOTE' });
    expect(errors[1]).toBe(errors[0]);
    expect(errors[2]).toBe(errors[0]);
  });

  test('gives the whole frames before an over-long one', () => {
    const decoder = new FrameDecoder();
    const good = encodeFrame({ type: 2, requestId: 9, transactionId: 0 }, ['x']);
    decoder.push(Buffer.concat([good, header(2, 4097)]));
    expect(decoder.next()?.requestId).toBe(9);
    expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'PROTOCOL_REMOTE' }));
  });

  test('keeps to the limit that it was given', () => {
    const decoder = new FrameDecoder(3);
    decoder.push(header(2, 4));
    expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'PROTOCOL_REMOTE' }));
  });

  test('tells how many bytes wait for the rest of their frame', () => {
    const decoder = new FrameDecoder();
    const frame = encodeFrame({ type: 2, requestId: 1, transactionId: 0 }, ['four']);
    decoder.push(frame);
    decoder.push(frame.subarray(0, 7));
    expect(decoder.pendingBytes).toBe(27);
    decoder.next();
    expect(decoder.pendingBytes).toBe(7);
  });
});

describe('splitTexts', () => {
  test.each([
    ['', []],
    ['\0', ['']],
    ['a\0', ['a']],
    ['a', ['a']],
    ['a\0b\0', ['a', 'b']],
    ['a\0b', ['a', 'b']],
    ['a\0\0', ['a', '']],
  ])('splits %j', (payload, texts) => expect(splitTexts(Buffer.from(payload))).toEqual(texts));
});
