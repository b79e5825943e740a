/** The marshallers of whole message bodies: several values in a row, by their signature. */
import { parseSignature } from '../../model/signature.ts';
import { BusError } from '../errors.ts';
import { BadValue } from './bad-value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { Reader } from './reader.ts';
import { compileType } from './type-codec.ts';
import type { Writer } from './writer.ts';

/** How bodies of one signature are written and read. */
export interface BodyCodec {
  readonly signature: string;
  /** How many values there are. */
  readonly count: number;
  /** Writes the values. Throws BusError `DBUS_BAD_VALUE` with a path that starts with `args`. */
  readonly write: (writer: Writer, values: readonly unknown[]) => void;
  /** Reads to the end of the message. Throws BusError `DBUS_PROTOCOL`. */
  readonly read: (reader: Reader) => unknown[];
}

const codecs = new BoundedCache(compileBody);

/** Gives the marshaller of a signature, which may be empty. Throws BusError `DBUS_BAD_SIGNATURE`. */
export function bodyCodec(signature: string): BodyCodec {
  return codecs.get(signature);
}

function compileBody(signature: string): BodyCodec {
  const parts = parse(signature).map(compileType);
  return {
    signature,
    count: parts.length,
    read: (reader) => {
      const values: unknown[] = [];
      for (const { read } of parts) values.push(read(reader));
      reader.expectEnd();
      return values;
    },
    write: (writer, values) => {
      if (values.length !== parts.length) throw wrongCount(parts.length, values.length);
      let index = 0;
      try {
        for (const { write } of parts) write(writer, values[index++]);
      } catch (error) {
        if (error instanceof BadValue) throw error.within(`[${index - 1}]`).toBusError('args');
        throw error;
      }
    },
  };
}

function parse(signature: string): ReturnType<typeof parseSignature> {
  try {
    return parseSignature(signature);
  } catch (cause) {
    throw new BusError('DBUS_BAD_SIGNATURE', {
      message: 'The text is no D-Bus signature',
      context: { signature },
      cause,
    });
  }
}

function wrongCount(wanted: number, given: number): BusError {
  return new BusError('DBUS_BAD_VALUE', {
    message: `The body of the message has ${wanted} values, not ${given}`,
    context: { path: 'args' },
  });
}
