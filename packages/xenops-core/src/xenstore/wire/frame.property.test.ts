import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeFrame, FrameDecoder, type Frame } from './frame.ts';

const word = fc.nat(0xffffffff);
const frame = fc.record({
  type: word,
  requestId: word,
  transactionId: word,
  payload: fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
});

/** The bytes cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index]));
}

function drain(decoder: FrameDecoder): readonly Frame[] {
  const frames: Frame[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
    // A payload is valid until the next push only.
    frames.push({ ...next, payload: Buffer.from(next.payload) });
  }
  return frames;
}

test('any split of any sequence of frames gives the same frames', () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat()), (frames, places) => {
      const bytes = Buffer.concat(frames.map((one) => encodeFrame(one, [one.payload])));
      const decoder = new FrameDecoder();
      const seen = cut(bytes, places).flatMap((chunk) => {
        decoder.push(chunk);
        return drain(decoder);
      });
      expect(seen).toEqual(frames);
      expect(decoder.pendingBytes).toBe(0);
    }),
  );
});

test('it makes no difference whether frames are pulled after each push or at the end', () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat()), (frames, places) => {
      const bytes = Buffer.concat(frames.map((one) => encodeFrame(one, [one.payload])));
      const decoder = new FrameDecoder();
      for (const chunk of cut(bytes, places)) decoder.push(chunk);
      expect(drain(decoder)).toEqual(frames);
    }),
  );
});

test('any bytes give frames within the limit or one PROTOCOL_REMOTE, and never another error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
      const decoder = new FrameDecoder(40);
      for (const chunk of chunks) {
        decoder.push(chunk);
        try {
          for (const { payload } of drain(decoder)) expect(payload.length).toBeLessThanOrEqual(40);
        } catch (error) {
          expect(error).toMatchObject({ code: 'PROTOCOL_REMOTE' });
          return;
        }
      }
    }),
  );
});
