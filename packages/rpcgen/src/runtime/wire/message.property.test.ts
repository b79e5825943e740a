import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BusError } from '../errors.ts';
import { body } from './arbitraries.test-helper.ts';
import { bodyCodec } from './body-codec.ts';
import { FrameSplitter } from './frame-splitter.ts';
import {
  finishMessage,
  MESSAGE_TYPE,
  readBody,
  readMessage,
  renderHeader,
  startMessage,
} from './message.ts';
import { Writer } from './writer.ts';

const LIMIT = 1024 * 1024;

function encode(signature: string, values: readonly unknown[], serial = 7): Buffer {
  const writer = new Writer();
  const template = renderHeader(MESSAGE_TYPE.call, {
    destination: 'org.example.Toaster',
    path: '/org/example',
    interface: 'org.example.Toaster',
    member: 'start_toast',
    signature,
  });
  writer.start(LIMIT);
  startMessage(writer, template, { serial, flags: 0, replySerial: 0 });
  bodyCodec(signature).write(writer, values);
  finishMessage(writer, template);
  return Buffer.from(writer.bytes.subarray(0, writer.position));
}

/** What comes out of bytes: bodies, or the one error that may be thrown. */
function decodeAll(chunks: readonly Buffer[]): unknown[][] | 'malformed' {
  const bodies: unknown[][] = [];
  const splitter = new FrameSplitter(
    LIMIT,
    (bytes) => void bodies.push(readBody(readMessage(bytes))),
  );
  try {
    for (const chunk of chunks) splitter.push(chunk);
  } catch (error) {
    if (
      error instanceof BusError &&
      ['DBUS_PROTOCOL', 'DBUS_NO_DESCRIPTORS'].includes(error.code)
    ) {
      return 'malformed';
    }
    throw error;
  }
  return bodies;
}

test('what is written is read again, whatever its type', () => {
  fc.assert(
    fc.property(body, ({ signature, values }) => {
      const message = readMessage(encode(signature, values));
      expect(message).toMatchObject({ serial: 7, member: 'start_toast', signature });
      expect(readBody(message)).toEqual(values);
    }),
    { numRuns: 500 },
  );
});

test('messages come out of a stream however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(body, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      (bodies, cuts) => {
        const bytes = Buffer.concat(
          bodies.map(({ signature, values }, index) => encode(signature, values, index + 1)),
        );
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
          (a, b) => a - b,
        );
        const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
        expect(decodeAll(chunks)).toEqual(bodies.map(({ values }) => values));
      },
    ),
  );
});

test('damaged messages are read or refused, and never anything else', () => {
  const damage = fc.record({ at: fc.nat(), to: fc.nat(255) });
  fc.assert(
    fc.property(
      body,
      fc.array(damage, { minLength: 1, maxLength: 6 }),
      fc.option(fc.nat()),
      ({ signature, values }, changes, cut) => {
        const bytes = encode(signature, values);
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        decodeAll([cut === null ? bytes : bytes.subarray(0, cut % bytes.length)]);
      },
    ),
    { numRuns: 3000 },
  );
});

test('random bytes are read or refused, and never anything else', () => {
  const head = fc.constantFrom([], [0x6c, 1, 0, 1], [0x42, 2, 0, 1], [0x6c, 4, 1, 1, 8, 0, 0, 0]);
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
      decodeAll([Buffer.from([...start, ...rest])]);
    }),
    { numRuns: 3000 },
  );
});
