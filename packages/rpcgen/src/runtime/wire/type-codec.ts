/**
 * Marshallers, compiled once per signature: each type becomes a pair of closures over those of its parts, so that
 * reading and writing a message never looks at a signature again.
 */
import {
  INTEGER_RANGES,
  type ArrayType,
  type BasicCode,
  type DbusType,
  type DictType,
  type StructType,
} from '../../model/dbus-type.ts';
import { parseSignature, parseType } from '../../model/signature.ts';
import { BusError, protocolError } from '../errors.ts';
import type { Variant } from '../values.ts';
import { badValue, within } from './bad-value.ts';
import { BoundedCache } from './bounded-cache.ts';
import { isObjectPath } from './names.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** How values of one type are written and read. */
export interface TypeCodec {
  /** 1, 2, 4 or 8. */
  readonly alignment: number;
  /** Throws BadValue when the value is not of the type. */
  readonly write: (writer: Writer, value: unknown) => void;
  /** Throws BusError `DBUS_PROTOCOL` when the bytes are not of the type. */
  readonly read: (reader: Reader) => unknown;
}

/** Gives the marshaller of a type. */
export function compileType(type: DbusType): TypeCodec {
  switch (type.kind) {
    case 'basic':
      return BASIC_CODECS[type.code];
    case 'variant':
      return VARIANT_CODEC;
    case 'array':
      return compileArray(type);
    case 'dict':
      return compileDict(type);
    case 'struct':
      return compileStruct(type);
  }
}

function integerCodec(
  code: 'y' | 'n' | 'q' | 'i' | 'u',
  { alignment, write, read }: NumberAccess,
): TypeCodec {
  const [low, high] = INTEGER_RANGES[code];
  const [min, max] = [Number(low), Number(high)];
  const wanted = `type "${code}" is an integer from ${min} to ${max}`;
  return {
    alignment,
    read,
    write: (writer, value) => {
      if (!Number.isInteger(value) || typeof value !== 'number' || value < min || value > max) {
        throw badValue(wanted);
      }
      write(writer, value);
    },
  };
}

interface NumberAccess {
  readonly alignment: number;
  readonly write: (writer: Writer, value: number) => void;
  readonly read: (reader: Reader) => number;
}

function bigintCodec(
  code: 'x' | 't',
  write: (writer: Writer, value: bigint) => void,
  read: (reader: Reader) => bigint,
): TypeCodec {
  const [min, max] = INTEGER_RANGES[code];
  const wanted = `type "${code}" is a bigint from ${min.toString()} to ${max.toString()}`;
  return {
    alignment: 8,
    read,
    write: (writer, value) => {
      if (typeof value !== 'bigint' || value < min || value > max) throw badValue(wanted);
      write(writer, value);
    },
  };
}

const DOUBLE_CODEC: TypeCodec = {
  alignment: 8,
  read: (reader) => reader.readDouble(),
  write: (writer, value) => {
    if (typeof value !== 'number') throw badValue('type "d" is a number');
    writer.writeDouble(value);
  },
};

const BOOLEAN_CODEC: TypeCodec = {
  alignment: 4,
  read: (reader) => reader.readBoolean(),
  write: (writer, value) => {
    if (typeof value !== 'boolean') throw badValue('type "b" is a boolean');
    writer.writeUint32(value ? 1 : 0);
  },
};

const STRING_CODEC: TypeCodec = {
  alignment: 4,
  read: (reader) => reader.readString(),
  write: (writer, value) => {
    if (typeof value !== 'string') throw badValue('type "s" is a string');
    writer.writeString(value);
  },
};

const PATH_CODEC: TypeCodec = {
  alignment: 4,
  read: (reader) => {
    const path = reader.readString();
    if (!isObjectPath(path)) throw protocolError('A value is no object path');
    return path;
  },
  write: (writer, value) => {
    if (typeof value !== 'string' || !isObjectPath(value)) {
      throw badValue('type "o" is an object path such as "/a/b"');
    }
    writer.writeString(value);
  },
};

const SIGNATURE_CODEC: TypeCodec = {
  alignment: 1,
  read: (reader) => {
    const text = reader.readShortString();
    if (!isSignature(text)) throw protocolError('A value is no signature');
    return text;
  },
  write: (writer, value) => {
    if (typeof value !== 'string' || !isSignature(value)) {
      throw badValue('type "g" is a signature such as "a{sv}"');
    }
    writer.writeShortString(value);
  },
};

/** On the wire a descriptor is an index into those that travel beside the message. */
const DESCRIPTOR_CODEC: TypeCodec = {
  alignment: 4,
  read: (reader) => {
    const index = reader.readUint32();
    if (reader.descriptors === undefined) throw noDescriptors('received');
    const descriptor = reader.descriptors.take(index);
    if (descriptor === undefined) throw protocolError('A file descriptor did not come along');
    return descriptor;
  },
  write: (writer, value) => {
    if (writer.descriptors === undefined) throw noDescriptors('sent');
    if (!Number.isInteger(value) || typeof value !== 'number' || value < 0) {
      throw badValue('type "h" is an open file descriptor');
    }
    writer.writeUint32(writer.descriptors.push(value) - 1);
  },
};

function noDescriptors(what: string): BusError {
  return new BusError('DBUS_NO_DESCRIPTORS', {
    message: `A file descriptor cannot be ${what}: sockets of Node pass none, and no openSocket was given to connectBus`,
  });
}

const BASIC_CODECS: Readonly<Record<BasicCode, TypeCodec>> = {
  y: integerCodec('y', {
    alignment: 1,
    write: (writer, value) => writer.writeByte(value),
    read: (reader) => reader.readByte(),
  }),
  n: integerCodec('n', {
    alignment: 2,
    write: (writer, value) => writer.writeInt16(value),
    read: (reader) => reader.readInt16(),
  }),
  q: integerCodec('q', {
    alignment: 2,
    write: (writer, value) => writer.writeUint16(value),
    read: (reader) => reader.readUint16(),
  }),
  i: integerCodec('i', {
    alignment: 4,
    write: (writer, value) => writer.writeInt32(value),
    read: (reader) => reader.readInt32(),
  }),
  u: integerCodec('u', {
    alignment: 4,
    write: (writer, value) => writer.writeUint32(value),
    read: (reader) => reader.readUint32(),
  }),
  x: bigintCodec(
    'x',
    (writer, value) => writer.writeInt64(value),
    (reader) => reader.readInt64(),
  ),
  t: bigintCodec(
    't',
    (writer, value) => writer.writeUint64(value),
    (reader) => reader.readUint64(),
  ),
  b: BOOLEAN_CODEC,
  d: DOUBLE_CODEC,
  s: STRING_CODEC,
  o: PATH_CODEC,
  g: SIGNATURE_CODEC,
  h: DESCRIPTOR_CODEC,
};

const signatures = new BoundedCache((text) => {
  try {
    parseSignature(text);
    return true;
  } catch {
    return false;
  }
});

function isSignature(text: string): boolean {
  return signatures.get(text);
}

/** One complete type as text, compiled. Throws SignatureError. */
const codecs = new BoundedCache((text) => compileType(parseType(text)));

const VARIANT_CODEC: TypeCodec = {
  alignment: 1,
  read: (reader) => {
    const signature = reader.readShortString();
    const codec = variantCodec(signature, (why) => protocolError(`A variant has ${why}`));
    reader.enter();
    const value = codec.read(reader);
    reader.leave();
    return { signature, value } satisfies Variant;
  },
  write: (writer, value) => {
    if (!isVariant(value)) throw badValue('type "v" is an object with a signature and a value');
    const codec = variantCodec(value.signature, () =>
      badValue('the signature of a variant is one complete type').within('.signature'),
    );
    writer.writeShortString(value.signature);
    writer.enter();
    try {
      codec.write(writer, value.value);
    } catch (error) {
      throw within(error, '.value');
    }
    writer.leave();
  },
};

function variantCodec(signature: string, fail: (why: string) => Error): TypeCodec {
  try {
    return codecs.get(signature);
  } catch {
    throw fail('no single complete type');
  }
}

function isVariant(value: unknown): value is Variant {
  return (
    typeof value === 'object' &&
    value !== null &&
    'value' in value &&
    'signature' in value &&
    typeof value.signature === 'string'
  );
}

function compileArray({ element }: ArrayType): TypeCodec {
  if (element.kind === 'basic' && element.code === 'y') return BYTES_CODEC;
  const { alignment, read, write } = compileType(element);
  return {
    alignment: 4,
    read: (reader) => {
      const end = reader.enterArray(alignment);
      const values: unknown[] = [];
      while (reader.position < end) values.push(read(reader));
      leave(reader, end);
      return values;
    },
    write: (writer, value) => {
      if (!Array.isArray(value)) throw badValue('an array is needed');
      const lengthAt = writer.enterArray(alignment);
      let index = 0;
      try {
        for (; index < value.length; index++) write(writer, value[index]);
      } catch (error) {
        throw within(error, `[${index}]`);
      }
      writer.leaveArray(lengthAt, alignment);
    },
  };
}

/** `ay` travels as a whole. */
const BYTES_CODEC: TypeCodec = {
  alignment: 4,
  read: (reader) => {
    const end = reader.enterArray(1);
    const bytes = reader.readBytes(end - reader.position);
    reader.leave();
    return bytes;
  },
  write: (writer, value) => {
    if (!(value instanceof Uint8Array)) throw badValue('type "ay" is a Uint8Array');
    const lengthAt = writer.enterArray(1);
    writer.writeBytes(value);
    writer.leaveArray(lengthAt, 1);
  },
};

/** Keys repeat from message to message. */
const KEY_CODEC: TypeCodec = { ...STRING_CODEC, read: (reader) => reader.readName() };

function compileDict({ key, value: valueType }: DictType): TypeCodec {
  const keys = key.code === 's' ? KEY_CODEC : compileType(key);
  const values = compileType(valueType);
  return {
    alignment: 4,
    read: (reader) => {
      const end = reader.enterArray(8);
      const entries = new Map<unknown, unknown>();
      while (reader.position < end) {
        reader.align(8);
        entries.set(keys.read(reader), values.read(reader));
      }
      leave(reader, end);
      return entries;
    },
    write: (writer, value) => {
      if (!(value instanceof Map)) throw badValue('a Map is needed');
      const entries: ReadonlyMap<unknown, unknown> = value;
      const lengthAt = writer.enterArray(8);
      for (const [name, content] of entries) {
        try {
          writer.align(8);
          keys.write(writer, name);
          values.write(writer, content);
        } catch (error) {
          throw within(error, keyStep(name));
        }
      }
      writer.leaveArray(lengthAt, 8);
    },
  };
}

/** A key as a step of a path: `.name` where that is clear, else `["odd name"]`. */
function keyStep(key: unknown): string {
  const text = String(key);
  return /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(text)
    ? `.${text}`
    : `[${JSON.stringify(text.slice(0, 64))}]`;
}

function compileStruct({ fields }: StructType): TypeCodec {
  const parts = fields.map(compileType);
  return {
    alignment: 8,
    read: (reader) => {
      reader.align(8);
      reader.enter();
      const values: unknown[] = [];
      for (const { read } of parts) values.push(read(reader));
      reader.leave();
      return values;
    },
    write: (writer, value) => {
      if (!Array.isArray(value) || value.length !== parts.length) {
        throw badValue(`an array of ${parts.length} values is needed`);
      }
      writer.align(8);
      writer.enter();
      let index = 0;
      try {
        for (const { write } of parts) write(writer, value[index++]);
      } catch (error) {
        throw within(error, `[${index - 1}]`);
      }
      writer.leave();
    },
  };
}

function leave(reader: Reader, end: number): void {
  if (reader.position !== end) throw protocolError('An array ends inside an element');
  reader.leave();
}
