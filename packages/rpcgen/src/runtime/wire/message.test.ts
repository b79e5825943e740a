/** The rules of the wire format, one message that breaks each. */
import { describe, expect, test } from '@jest/globals';
import { variant } from '../values.ts';
import { bodyCodec } from './body-codec.ts';
import { FrameSplitter } from './frame-splitter.ts';
import { MESSAGE_TYPE, messageLength, readBody, readMessage, renderHeader } from './message.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

/** A little-endian reader over these bytes, behind 8 bytes that say so. */
function readerOf(bytes: readonly number[], descriptors?: readonly number[]): Reader {
  const reader = new Reader(Buffer.from([0x6c, 0, 0, 0, 0, 0, 0, 0, ...bytes]));
  if (descriptors !== undefined) {
    const { length } = descriptors;
    reader.descriptors = { length, take: (index) => descriptors[index], closeAll: () => undefined };
  }
  reader.position = 8;
  return reader;
}

const PROTOCOL = expect.objectContaining({ code: 'DBUS_PROTOCOL' });

describe('bodies that no peer may send', () => {
  const cases: readonly (readonly [string, string, readonly number[]])[] = [
    ['a boolean of 2', 'b', [2, 0, 0, 0]],
    ['padding that is not zero', 'yu', [1, 9, 0, 0, 1, 0, 0, 0]],
    ['a string without its zero', 's', [1, 0, 0, 0, 0x61, 0x62]],
    ['a string with a zero inside', 's', [2, 0, 0, 0, 0x61, 0, 0]],
    ['a string that is no UTF-8', 's', [1, 0, 0, 0, 0xff, 0]],
    ['half of a surrogate pair', 's', [3, 0, 0, 0, 0xed, 0xa0, 0x80, 0]],
    ['an overlong zero', 's', [2, 0, 0, 0, 0xc0, 0x80, 0]],
    ['a string longer than the message', 's', [9, 0, 0, 0, 0x61, 0]],
    ['a path that is none', 'o', [2, 0, 0, 0, 0x2f, 0x2f, 0]],
    ['a signature that is none', 'g', [1, 0x7a, 0]],
    ['a variant of two types', 'v', [2, 0x79, 0x79, 0, 1, 2]],
    ['a variant of no type', 'v', [0, 0]],
    ['an array of more than 64 MiB', 'ay', [1, 0, 0, 4]],
    ['an array that ends inside an element', 'au', [5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]],
    ['too few bytes', 't', [1, 2, 3]],
    ['too many bytes', 'y', [1, 2]],
  ];
  test.each(cases)('%s', (_, signature, bytes) => {
    expect(() => bodyCodec(signature).read(readerOf(bytes))).toThrow(PROTOCOL);
  });

  test('variants in variants deeper than 64', () => {
    const nested = (depth: number): number[] => [
      ...Array.from({ length: depth }, () => [1, 0x76, 0]).flat(),
      ...[1, 0x79, 0, 5],
    ];
    expect(() => bodyCodec('v').read(readerOf(nested(60)))).not.toThrow();
    expect(() => bodyCodec('v').read(readerOf(nested(64)))).toThrow(PROTOCOL);
  });

  test('more containers than a message may cost', () => {
    const empty = Buffer.alloc(2_400_000);
    const bytes = Buffer.concat([Buffer.from([0x6c, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(4), empty]);
    bytes.writeUInt32LE(empty.length, 8);
    const reader = new Reader(bytes);
    reader.position = 8;
    expect(() => bodyCodec('aas').read(reader)).toThrow(PROTOCOL);
  });
});

test('big-endian messages are understood', () => {
  const reader = new Reader(Buffer.from([0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]));
  reader.position = 8;
  expect(bodyCodec('u').read(reader)).toEqual([0x102]);
});

test('a replacement character that was really sent is kept, and so is a byte order mark', () => {
  const text = '\ufeffa\ufffd';
  const writer = new Writer();
  writer.start(1000);
  bodyCodec('s').write(writer, [text]);
  const bytes = [...writer.bytes.subarray(0, writer.position)];
  expect(bodyCodec('s').read(readerOf(bytes))).toEqual([text]);
});

test('descriptors travel where the transport has them', () => {
  const writer = new Writer();
  writer.descriptors = [];
  writer.start(1000);
  bodyCodec('hh').write(writer, [11, 12]);
  expect(writer.descriptors).toEqual([11, 12]);
  expect(bodyCodec('h').read(readerOf([1, 0, 0, 0], [5, 6]))).toEqual([6]);
  expect(() => bodyCodec('h').read(readerOf([2, 0, 0, 0], [5, 6]))).toThrow(PROTOCOL);
  expect(() => bodyCodec('h').read(readerOf([0, 0, 0, 0]))).toThrow(
    expect.objectContaining({ code: 'DBUS_NO_DESCRIPTORS' }),
  );
});

describe('values that do not fit', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['y', 256, 'args[0]'],
    ['n', 1.5, 'args[0]'],
    ['u', -1, 'args[0]'],
    ['i', 1n, 'args[0]'],
    ['x', 1, 'args[0]'],
    ['t', -1n, 'args[0]'],
    ['d', '1', 'args[0]'],
    ['b', 1, 'args[0]'],
    ['s', 1, 'args[0]'],
    ['s', 'a\0', 'args[0]'],
    ['s', 'long enough to leave the fast loop behind \ud800 and so on', 'args[0]'],
    ['o', '/a/', 'args[0]'],
    ['g', 'a', 'args[0]'],
    ['ay', [1], 'args[0]'],
    ['as', ['a', 2], 'args[0][1]'],
    ['as', 'a', 'args[0]'],
    ['a{ss}', { a: 'b' }, 'args[0]'],
    ['a{ss}', new Map([['key', 1]]), 'args[0].key'],
    ['a{us}', new Map([[-1, 'a']]), 'args[0]["-1"]'],
    ['(si)', ['a'], 'args[0]'],
    ['(si)', ['a', 'b'], 'args[0][1]'],
    ['v', 'bare', 'args[0]'],
    ['v', variant('ss', 'a'), 'args[0].signature'],
    ['v', variant('a(su)', [['a', 'b']]), 'args[0].value[0][1]'],
  ];
  test.each(cases)('type %s, value %p', (signature, value, path) => {
    const writer = new Writer();
    writer.start(1000);
    expect(() => bodyCodec(signature).write(writer, [value])).toThrow(
      expect.objectContaining({ code: 'DBUS_BAD_VALUE', context: { path } }),
    );
  });

  test('another number of values than the signature has', () => {
    expect(() => bodyCodec('ss').write(new Writer(), ['a'])).toThrow(
      expect.objectContaining({ code: 'DBUS_BAD_VALUE', context: { path: 'args' } }),
    );
  });
});

describe('headers', () => {
  const call = (): Buffer => {
    const { bytes } = renderHeader(MESSAGE_TYPE.call, { path: '/a', member: 'b' });
    const message = Buffer.from(bytes);
    message[8] = 1;
    return message;
  };

  test('a call needs no more than a path and a member', () => {
    const message = readMessage(call());
    expect(message).toMatchObject({ path: '/a', member: 'b', interface: '', signature: '' });
    expect(readBody(message)).toEqual([]);
  });

  const broken: readonly (readonly [string, (message: Buffer) => unknown])[] = [
    ['no type', (message) => (message[1] = 0)],
    ['another version', (message) => (message[3] = 2)],
    ['no serial', (message) => (message[8] = 0)],
    ['a body without a signature', (message) => (message[4] = 8)],
    ['a field of the wrong type', (message) => (message[18] = 0x73)],
    ['a field without a code', (message) => (message[16] = 0)],
    ['a name that is none', (message) => (message[25] = 0x2f)],
    ['a reply without the serial that it answers', (message) => (message[1] = 2)],
    ['fields that end inside one', (message) => (message[12] = 17)],
  ];
  test.each(broken)('%s is refused', (_, breakIt) => {
    const message = call();
    breakIt(message);
    expect(() => readMessage(message)).toThrow(PROTOCOL);
  });

  test('unknown fields are passed over', () => {
    const message = call();
    // The path becomes field 200 of the same type; what is missing then is the path.
    message[16] = 200;
    expect(() => readMessage(message)).toThrow('A message has no path');
  });

  test('a message above the limit is refused from its first bytes', () => {
    const head = Buffer.from([0x6c, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => messageLength(head, 0, 1000)).toThrow(PROTOCOL);
    expect(() => new FrameSplitter(1000, () => undefined).push(head)).toThrow(PROTOCOL);
  });

  test.each([
    [{ path: '/a/', member: 'b' }],
    [{ path: '/a', member: 'b.c' }],
    [{ path: '/a', member: 'b', interface: 'one' }],
    [{ path: '/a', member: 'b', destination: 'one' }],
    [{ path: '/a', member: 'b', destination: `a.${'b'.repeat(254)}` }],
  ])('%p cannot be sent', (fields) => {
    expect(() => renderHeader(MESSAGE_TYPE.call, fields)).toThrow(
      expect.objectContaining({ code: 'DBUS_BAD_NAME' }),
    );
  });
});
