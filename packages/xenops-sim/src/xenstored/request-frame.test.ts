import { expect, test } from '@jest/globals';
import { encodeFrame } from '@xenops/core/xenstore/wire';
import { RequestFrame } from './request-frame.ts';
import { TextCache } from './text-cache.ts';

function frameOf(payload: string): RequestFrame {
  const frame = new RequestFrame(new TextCache());
  const header = { type: 0xffff_ffff, requestId: 0x8000_0001, transactionId: 7 };
  frame.moveTo(Buffer.concat([Buffer.alloc(5, 0), encodeFrame(header, [payload])]), 5);
  return frame;
}

test('the header is read where the frame lies, without signs', () => {
  expect(frameOf('')).toMatchObject({
    type: 0xffff_ffff,
    requestId: 0x8000_0001,
    transactionId: 7,
  });
});

test.each([
  ['', undefined, undefined, []],
  ['a', undefined, undefined, []],
  ['\0', '', '', ['']],
  ['a\0', 'a', 'a', ['a']],
  ['a\0rest', undefined, 'a', ['a']],
  ['a\0\0', undefined, 'a', ['a', '']],
  ['a\0b\0', undefined, 'a', ['a', 'b']],
  ['a\0b\0rest', undefined, 'a', ['a', 'b']],
])('%j: the only text is %j, the first is %j, all are %j', (payload, only, first, all) => {
  const frame = frameOf(payload);
  expect([frame.onlyText(), frame.firstText(), frame.texts()]).toEqual([only, first, all]);
});

test.each(['', 'v', 'a\0b', 'v'.repeat(65), 'v'.repeat(4000)])(
  'what follows the first text is copied',
  (value) => {
    const copy = frameOf(`/path\0${value}`).copyAfterFirstText();
    expect(copy.toString('latin1')).toBe(value);
  },
);
