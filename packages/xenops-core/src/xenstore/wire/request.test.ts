import { describe, expect, test } from '@jest/globals';
import { MessageType } from './message-type.ts';
import { decodeRequest, encodeRequest, type Request } from './request.ts';

const IDS = { requestId: 1, transactionId: 0 };

/** docs/misc/xenstore.txt, with `|` for NUL; numbers from xen/include/public/io/xs_wire.h. */
const WIRE: readonly (readonly [Request, number, string])[] = [
  [{ name: 'control', words: ['log', 'on'] }, 0, 'log|on|'],
  [{ name: 'directory', path: '/vm' }, 1, '/vm|'],
  [{ name: 'read', path: '/vm' }, 2, '/vm|'],
  [{ name: 'getPermissions', path: '/vm' }, 3, '/vm|'],
  [{ name: 'watch', path: '@releaseDomain', token: 'w1' }, 4, '@releaseDomain|w1|'],
  [{ name: 'watch', path: '/vm', token: 'w1', depth: '2' }, 4, '/vm|w1|2|'],
  [{ name: 'unwatch', path: '/vm', token: 'w1' }, 5, '/vm|w1|'],
  [{ name: 'transactionStart' }, 6, '|'],
  [{ name: 'transactionEnd', commit: true }, 7, 'T|'],
  [{ name: 'transactionEnd', commit: false }, 7, 'F|'],
  [{ name: 'introduce', domid: '7', frame: '1044476', port: '1' }, 8, '7|1044476|1|'],
  [{ name: 'release', domid: '7' }, 9, '7|'],
  [{ name: 'getDomainPath', domid: '7' }, 10, '7|'],
  [{ name: 'write', path: '/vm', value: Buffer.from('value') }, 11, '/vm|value'],
  [{ name: 'write', path: '/vm', value: Buffer.alloc(0) }, 11, '/vm|'],
  [{ name: 'mkdir', path: '/vm' }, 12, '/vm|'],
  [{ name: 'rm', path: '/vm' }, 13, '/vm|'],
  [{ name: 'setPermissions', path: '/vm', permissions: ['n0', 'r7'] }, 14, '/vm|n0|r7|'],
  [{ name: 'isDomainIntroduced', domid: '7' }, 17, '7|'],
  [{ name: 'resume', domid: '7' }, 18, '7|'],
  [{ name: 'setTarget', domid: '9', target: '7' }, 19, '9|7|'],
  [{ name: 'resetWatches' }, 21, '|'],
  [{ name: 'directoryPart', path: '/vm', offset: '0' }, 22, '/vm|0|'],
  [{ name: 'getFeature' }, 23, ''],
  [{ name: 'getFeature', domid: '7' }, 23, '7|'],
  [{ name: 'setFeature', domid: '7', features: '3' }, 24, '7|3|'],
  [{ name: 'getQuota' }, 25, ''],
  [{ name: 'getQuota', quota: 'nodes' }, 25, 'nodes|'],
  [{ name: 'getQuota', domid: '7', quota: 'nodes' }, 25, '7|nodes|'],
  [{ name: 'setQuota', quota: 'nodes', limit: '9' }, 26, 'nodes|9|'],
  [{ name: 'setQuota', domid: '7', quota: 'nodes', limit: '9' }, 26, '7|nodes|9|'],
];

test.each(WIRE)('%j has the type and the payload that xenstored expects', (request, type, text) => {
  const bytes = encodeRequest(request, { requestId: 5, transactionId: 6 });
  expect([0, 4, 8, 12].map((at) => bytes.readUInt32LE(at))).toEqual([type, 5, 6, text.length]);
  expect(bytes.toString('utf8', 16).replaceAll('\0', '|')).toBe(text);
});

test('every type that a client may send has its bytes written down here', () => {
  const clientTypes = Object.values(MessageType).filter((type) => type !== 15 && type !== 16);
  expect(new Set(WIRE.map(([, type]) => type))).toEqual(new Set(clientTypes));
});

test('a value that does not fit in a message with its path is refused with PROTOCOL_LOCAL', () => {
  const write = (bytes: number): Request => {
    return { name: 'write', path: '/vm', value: Buffer.alloc(bytes) };
  };
  expect(encodeRequest(write(4092), IDS)).toHaveLength(16 + 4096);
  expect(() => encodeRequest(write(4093), IDS)).toThrow(
    expect.objectContaining({ code: 'PROTOCOL_LOCAL' }),
  );
});

describe('decodeRequest', () => {
  const decode = (type: number, payload: string): unknown =>
    decodeRequest({ type, ...IDS, payload: Buffer.from(payload.replaceAll('|', '\0')) });

  test.each([15, 16, 20, 27, 0xffffffff])('answers ENOSYS for type %d', (type) => {
    expect(decode(type, '/vm|')).toEqual({ name: 'bad', error: 'ENOSYS' });
  });

  test.each([
    ['a read without a path', 2, ''],
    ['a read whose path has no NUL', 2, '/vm'],
    ['a read with two paths', 2, '/vm|/local|'],
    ['a write without a NUL', 11, '/vm'],
    ['the path of two domains', 10, '7|8|'],
    ['the end of a transaction with a word too many', 7, 'T|F|'],
    ['a watch without a token', 4, '/vm|'],
    ['an unwatch without a token', 5, '/vm|'],
    ['permissions without an owner', 14, '/vm|'],
    ['the end of a transaction that is neither T nor F', 7, 'X|'],
    ['the end of a transaction without a word', 7, ''],
    ['an introduction without a port', 8, '7|1044476|'],
    ['a target without a domain', 19, '9|'],
    ['part of a directory without an offset', 22, '/vm|'],
    ['the features of two domains', 23, '7|8|'],
    ['features without a value', 24, '7|'],
    ['a quota with a word too many', 25, '7|nodes|9|'],
    ['a quota whose name has no NUL', 25, 'nodes'],
    ['a quota without a value', 26, 'nodes|'],
  ])('answers EINVAL for %s', (_what, type, payload) => {
    expect(decode(type, payload)).toEqual({ name: 'bad', error: 'EINVAL' });
  });

  test('takes NULs in a value as they are', () => {
    expect(decode(11, '/vm|a|b|')).toMatchObject({ path: '/vm', value: Buffer.from('a\0b\0') });
  });
});
