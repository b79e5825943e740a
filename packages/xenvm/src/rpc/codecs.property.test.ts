import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeHistorical, HistoricalDecoder, LineDecoder } from './framing-codec.ts';
import { JSON_DEPTH_MAX, parseJson, renderSpacedJson, type JsonValue } from './json-text-codec.ts';
import { parseHistorical, parsePersistent } from './message-codec.ts';

const REMOTE = expect.objectContaining({ code: 'PROTOCOL_REMOTE' });

const SOUP = Array.from('{}[]",:\\u0n1-.e tfalsrunull\n\u0001');

/** The bytes in pieces, cut where the numbers say. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const at = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

describe('JSON', () => {
  test('every value is read as the platform reads it, and as it was written', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        const same = JSON.parse(text) as JsonValue;
        expect(parseJson(text)).toEqual(same);
        expect(parseJson(renderSpacedJson(same))).toEqual(same);
        expect(parseJson(`${text} and more`)).toEqual(same);
      }),
    );
  });

  test('no text does anything but give a value or a remote error', () => {
    const soup = fc.string({ unit: fc.constantFrom(...SOUP) });
    fc.assert(
      fc.property(fc.oneof(fc.string(), soup), (text) => {
        try {
          parseJson(text);
        } catch (error) {
          expect(error).toEqual(REMOTE);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('the first of two members counts, and a member may have any name', () => {
    expect(parseJson('{"a":1,"a":2}')).toEqual({ a: 1 });
    const odd = parseJson('{"__proto__":{"x":1}}');
    expect(Object.keys(odd ?? {})).toEqual(['__proto__']);
    expect('x' in (odd as object)).toBe(false);
  });

  test('levels are counted, and a long string is read in linear time', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(JSON_DEPTH_MAX))).toBeDefined();
    expect(() => parseJson(nested(JSON_DEPTH_MAX + 1))).toThrow(REMOTE);
    expect(() => parseJson('['.repeat(1_000_000))).toThrow(REMOTE);
    const long = JSON.stringify('\\"'.repeat(250_000));
    expect(parseJson(long)).toHaveLength(500_000);
    expect(() => parseJson(long.slice(0, -1))).toThrow(REMOTE);
  });
});

describe('framings', () => {
  test('a historical request is read whole from any pieces, whatever follows', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 5 }), (sent, cuts) => {
        const decoder = new HistoricalDecoder(1_000_000);
        const read = pieces(Buffer.concat([encodeHistorical(sent), Buffer.from('x')]), cuts)
          .map((piece) => decoder.push(piece))
          .filter(({ kind }) => kind !== 'incomplete');
        expect(read[0]).toEqual({ kind: 'request', text: sent });
      }),
    );
  });

  test('lines are read whole from any pieces', () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(), { maxLength: 5 }), (lines, cuts) => {
        const decoder = new LineDecoder(1_000_000);
        const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
        const read = pieces(bytes, cuts).flatMap((piece) => decoder.push(piece));
        expect(read).toEqual(lines.filter((one) => one.trim() !== ''));
      }),
    );
  });

  test('a length over the limit is refused before its bytes come', () => {
    expect(() => new HistoricalDecoder(10).push(Uint8Array.of(0, 0, 0, 11))).toThrow(REMOTE);
    expect(() => new LineDecoder(10).push(new Uint8Array(11).fill(120))).toThrow(REMOTE);
  });
});

test('no request does anything but become one, or an error with a code', () => {
  const member = fc.constantFrom('jsonrpc', 'id', 'method', 'params', 'progress');
  const request = fc.dictionary(member, fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(fc.oneof(request, fc.jsonValue()), (value) => {
      const text = JSON.stringify(value);
      const persistent = parsePersistent(text);
      if (persistent.kind === 'bad') expect(persistent.error.body.code).toBeLessThan(-32_000);
      try {
        parseHistorical(text);
      } catch (error) {
        expect(error).toHaveProperty('body.code');
      }
    }),
  );
});
