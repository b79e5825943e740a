import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  checkLibxlHeader,
  decodeRecordHeader,
  decodeXlConfig,
  decodeXlHeader,
  encodeImageStart,
  encodeRecord,
  LIBXL_HEADER_BYTES,
  XL_HEADER_BYTES,
} from './image-format.ts';

const start = encodeImageStart('{"c_info":{}}');

describe('the start of an image', () => {
  test('has the bytes of xl save', () => {
    expect(start.subarray(0, 32).toString('latin1')).toBe('Xen saved domain, xl format\n \0 \r');
    // Byte order, mandatory flags 3, no optional flags, length of what follows.
    expect(start.subarray(32, 48).toString('hex')).toBe('04030201030000000000000012000000');
    expect(start.subarray(48, 52).readUInt32LE()).toBe(14);
    const libxl = start.subarray(48 + 18);
    expect(libxl.toString('hex')).toBe(
      `${Buffer.from('LibxlFmt').toString('hex')}00000002000000000100000000000000`,
    );
  });

  test('is read back', () => {
    const { optionalBytes } = decodeXlHeader(start.subarray(0, XL_HEADER_BYTES));
    const rest = start.subarray(XL_HEADER_BYTES);
    expect(decodeXlConfig(rest.subarray(0, optionalBytes))).toBe('{"c_info":{}}');
    checkLibxlHeader(rest.subarray(optionalBytes, optionalBytes + LIBXL_HEADER_BYTES));
    const record = rest.subarray(optionalBytes + LIBXL_HEADER_BYTES);
    expect(decodeRecordHeader(record)).toEqual({ kind: 'libxcContext', bodyBytes: 0 });
  });

  test.each([
    [0, 0x20, 'STREAM_INVALID'],
    [33, 0xff, 'STREAM_NOT_SUPPORTED'],
    [36, 0x01, 'STREAM_NOT_SUPPORTED'],
    [36, 0x07, 'STREAM_NOT_SUPPORTED'],
    [47, 0x7f, 'STREAM_INVALID'],
  ])('with byte %d changed to %d is refused', (offset, byte, code) => {
    const damaged = Buffer.from(start.subarray(0, XL_HEADER_BYTES));
    damaged[offset] = byte;
    expect(() => decodeXlHeader(damaged)).toThrow(expect.objectContaining({ code }));
  });

  test('never makes the reader throw anything but its own errors', () => {
    const bytes = fc.uint8Array({ minLength: XL_HEADER_BYTES, maxLength: XL_HEADER_BYTES });
    fc.assert(
      fc.property(bytes, (header) => {
        for (const decode of [
          decodeXlHeader,
          checkLibxlHeader,
          decodeRecordHeader,
          decodeXlConfig,
        ]) {
          try {
            decode(Buffer.from(header));
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^STREAM_/) });
          }
        }
      }),
    );
  });
});

describe('a record', () => {
  test('is padded to 8 bytes', () => {
    expect(encodeRecord('emulatorContext', Buffer.from('abc')).toString('hex')).toBe(
      '03000000030000006162630000000000',
    );
  });

  test('of an unknown type may be skipped when it says so, and is refused otherwise', () => {
    expect(decodeRecordHeader(Buffer.from('0900008004000000', 'hex'))).toEqual({
      kind: undefined,
      bodyBytes: 4,
    });
    expect(() => decodeRecordHeader(Buffer.from('0900000004000000', 'hex'))).toThrow(
      expect.objectContaining({ code: 'STREAM_INVALID' }),
    );
  });
});
