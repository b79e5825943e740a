import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { hasCode } from '@xenops/core/errors';
import { LineReader } from './lines.ts';
import { parseMessage } from './message-codec.ts';

const KINDS = ['snapshot', 'set', 'removed', 'notice', 'other'] as const;

/** What no monitor would send, but near to it. */
const message = fc.record(
  {
    id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
    method: fc.constantFrom('$/event', '$/progress', 7),
    result: fc.jsonValue(),
    error: fc.oneof(
      fc.jsonValue(),
      fc.record({ message: fc.jsonValue(), data: fc.jsonValue() }, { requiredKeys: [] }),
    ),
    params: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          kind: fc.constantFrom(...KINDS),
          sequence: fc.oneof(fc.nat(), fc.double(), fc.string()),
          epoch: fc.oneof(fc.string(), fc.nat()),
          object: fc.oneof(fc.string(), fc.nat()),
          objects: fc.jsonValue(),
          parts: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);

test('any line is a message whose fields are what they say, or is refused by one name', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        message.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      (line) => {
        try {
          const parsed = parseMessage(line);
          if (parsed.kind === 'result') expect(typeof parsed.id).toBe('number');
          if (parsed.kind !== 'event') return;
          expect(Number.isSafeInteger(parsed.item.sequence)).toBe(true);
          if (parsed.item.kind === 'notice') {
            expect(parsed.item.parts.every((part) => typeof part === 'string')).toBe(true);
          }
        } catch (error) {
          expect(hasCode(error, 'PROTOCOL_REMOTE')).toBe(true);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('lines are the same however their bytes are cut', () => {
  const lines = fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', '')));
  fc.assert(
    fc.property(lines, fc.array(fc.nat(20)), (texts, cuts) => {
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
      const reader = new LineReader(10_000);
      const got: string[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        got.push(...reader.push(bytes.subarray(at, at + cut)));
        at += cut;
      }
      expect(got).toEqual(texts.filter((text) => text !== ''));
    }),
  );
});
