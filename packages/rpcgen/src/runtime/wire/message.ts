/**
 * Message headers. What we send has its header made once per destination and member; only its serial, the length of
 * its body and the serial that it replies to are filled in. What arrives is checked as the specification says.
 * Source: D-Bus specification, "Message Format".
 */
import { parseSignature } from '../../model/signature.ts';
import { BusError, protocolError } from '../errors.ts';
import { bodyCodec } from './body-codec.ts';
import { MESSAGE_BYTES_MAX } from '../limits.ts';
import { BoundedCache } from './bounded-cache.ts';
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from './names.ts';
import { Reader, type DescriptorList } from './reader.ts';
import { compileType } from './type-codec.ts';
import { Writer } from './writer.ts';

/** The kinds of messages. Others may arrive and are ignored. */
export const MESSAGE_TYPE = { call: 1, reply: 2, error: 3, signal: 4 } as const;

/** Bits of the flags byte. */
export const MESSAGE_FLAG = { noReply: 1, noAutoStart: 2, interactive: 4 } as const;

/** The fixed part of a header, with the length of the fields. */
export const HEADER_BYTES = 16;

const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
  unixFds: 9,
} as const;

/** What a header says besides the fixed part. */
export interface HeaderFields {
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly destination?: string;
  readonly signature?: string;
  /** How many descriptors go with the message. */
  readonly descriptorCount?: number;
}

/** A header made beforehand, padded to where the body starts. */
export interface HeaderTemplate {
  readonly bytes: Uint8Array;
  readonly type: number;
  readonly fields: HeaderFields;
}

/** Where a reply's serial stands in a template: its field always comes first. */
const REPLY_SERIAL_AT = 20;
const FLAGS_AT = 2;
const BODY_LENGTH_AT = 4;
const SERIAL_AT = 8;

type NameField = Exclude<keyof HeaderFields, 'descriptorCount'>;

const CHECKS: readonly (readonly [NameField, number, 'o' | 's' | 'g', NameCheck])[] = [
  ['path', FIELD.path, 'o', isObjectPath],
  ['interface', FIELD.interface, 's', isInterfaceName],
  ['member', FIELD.member, 's', isMemberName],
  ['errorName', FIELD.errorName, 's', isInterfaceName],
  ['destination', FIELD.destination, 's', isBusName],
  ['signature', FIELD.signature, 'g', () => true],
];

type NameCheck = (text: string) => boolean;

const HEADER_WRITER = new Writer();

/** A path may be of any length, within a message. */
const HEADER_BYTES_MAX = MESSAGE_BYTES_MAX;

/** Makes a header. Throws BusError `DBUS_BAD_NAME` or `DBUS_BAD_SIGNATURE`. */
export function renderHeader(type: number, fields: HeaderFields): HeaderTemplate {
  const writer = HEADER_WRITER;
  writer.start(HEADER_BYTES_MAX);
  for (const byte of [0x6c, type, 0, 1]) writer.writeByte(byte);
  writer.writeUint32(0);
  writer.writeUint32(0);
  const lengthAt = writer.enterArray(8);
  if (type === MESSAGE_TYPE.reply || type === MESSAGE_TYPE.error) {
    writeField(writer, FIELD.replySerial, 'u');
    writer.writeUint32(0);
  }
  for (const [name, code, kind, isValid] of CHECKS) {
    const text = fields[name];
    if (text === undefined || (name === 'signature' && text === '')) continue;
    if (!isValid(text)) throw badName(name, text);
    writeField(writer, code, kind);
    if (kind === 'g') writer.writeShortString(bodyCodec(text).signature);
    else writer.writeString(text);
  }
  if (fields.descriptorCount !== undefined) {
    writeField(writer, FIELD.unixFds, 'u');
    writer.writeUint32(fields.descriptorCount);
  }
  writer.leaveArray(lengthAt, 8);
  writer.align(8);
  return { type, fields, bytes: new Uint8Array(writer.bytes.subarray(0, writer.position)) };
}

function writeField(writer: Writer, code: number, kind: string): void {
  writer.align(8);
  writer.writeByte(code);
  writer.writeShortString(kind);
}

function badName(field: string, text: string): BusError {
  return new BusError('DBUS_BAD_NAME', {
    message: `The ${field} of a message is no valid name of its kind`,
    context: { field, name: text },
  });
}

/** What is filled into a template for one message. */
export interface MessageParts {
  readonly serial: number;
  readonly flags: number;
  /** The serial of the call that a reply or error answers; 0 for others. */
  readonly replySerial: number;
}

/** Starts a message with its header; the body is written next, then `finishMessage`. */
export function startMessage(
  writer: Writer,
  template: HeaderTemplate,
  { serial, flags, replySerial }: MessageParts,
): void {
  writer.writeBytes(template.bytes);
  writer.bytes[FLAGS_AT] = flags;
  writer.patchUint32(SERIAL_AT, serial);
  if (replySerial !== 0) writer.patchUint32(REPLY_SERIAL_AT, replySerial);
}

/** The same header for a message with descriptors. */
export function withDescriptors({ type, fields }: HeaderTemplate, count: number): HeaderTemplate {
  return renderHeader(type, { ...fields, descriptorCount: count });
}

/** Fills in the length of the body. */
export function finishMessage(writer: Writer, template: HeaderTemplate): void {
  writer.patchUint32(BODY_LENGTH_AT, writer.position - template.bytes.length);
}

/** A message that arrived, its header checked, its body not yet read. */
export interface IncomingMessage {
  readonly type: number;
  readonly flags: number;
  readonly serial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly errorName: string;
  readonly replySerial: number;
  readonly destination: string;
  readonly sender: string;
  /** Of the body; empty for none. */
  readonly signature: string;
  /** Positioned at the body. */
  readonly reader: Reader;
}

type MutableMessage = { -readonly [Key in keyof IncomingMessage]: IncomingMessage[Key] };

/** How many bytes a message has, from its first HEADER_BYTES. Throws `DBUS_PROTOCOL`. */
export function messageLength(head: Buffer, at: number, limit: number): number {
  const littleEndian = head[at] === 0x6c;
  if (!littleEndian && head[at] !== 0x42) throw protocolError('A message has no byte order');
  const body = littleEndian ? head.readUInt32LE(at + 4) : head.readUInt32BE(at + 4);
  const fields = littleEndian ? head.readUInt32LE(at + 12) : head.readUInt32BE(at + 12);
  const length = HEADER_BYTES + Math.ceil(fields / 8) * 8 + body;
  if (length > limit) {
    throw protocolError('A message is larger than this connection allows', { length, limit });
  }
  return length;
}

/** Takes the next so many descriptors from those that arrived. Throws `DBUS_PROTOCOL` when there are fewer. */
export type ClaimDescriptors = (count: number) => DescriptorList;

/** Reads the header of a whole message. Throws `DBUS_PROTOCOL` for anything that the specification forbids. */
export function readMessage(bytes: Buffer, claim?: ClaimDescriptors): IncomingMessage {
  const reader = new Reader(bytes);
  reader.descriptors = claim?.(0);
  reader.position = 1;
  const message: MutableMessage = {
    type: reader.readByte(),
    flags: reader.readByte(),
    serial: 0,
    path: '',
    interface: '',
    member: '',
    errorName: '',
    replySerial: 0,
    destination: '',
    sender: '',
    signature: '',
    reader,
  };
  if (message.type === 0) throw protocolError('A message has no type');
  if (reader.readByte() !== 1) throw protocolError('A message is of another protocol version');
  const bodyLength = reader.readUint32();
  message.serial = reader.readUint32();
  if (message.serial === 0) throw protocolError('A message has no serial');
  const end = reader.enterArray(8);
  while (reader.position < end) readField(reader, message, claim);
  if (reader.position !== end) throw protocolError('A header field ends after the header');
  reader.leave();
  reader.align(8);
  checkComplete(message, bodyLength);
  return message;
}

function readField(
  reader: Reader,
  message: MutableMessage,
  claim: ClaimDescriptors | undefined,
): void {
  reader.align(8);
  const code = reader.readByte();
  const kind = reader.readShortString();
  switch (code) {
    case FIELD.path:
      return void (message.path = readName(reader, kind, PATHS));
    case FIELD.interface:
      return void (message.interface = readName(reader, kind, INTERFACES));
    case FIELD.member:
      return void (message.member = readName(reader, kind, MEMBERS));
    case FIELD.errorName:
      return void (message.errorName = readName(reader, kind, INTERFACES));
    case FIELD.destination:
      return void (message.destination = readName(reader, kind, BUS_NAMES));
    case FIELD.sender:
      return void (message.sender = readName(reader, kind, BUS_NAMES));
    case FIELD.signature:
      if (kind !== 'g') throw wrongKind();
      return void (message.signature = checkSignature(reader.readShortString()));
    case FIELD.replySerial:
      if (kind !== 'u') throw wrongKind();
      return void (message.replySerial = reader.readUint32());
    case FIELD.unixFds:
      if (kind !== 'u') throw wrongKind();
      return void (reader.descriptors = claimDescriptors(reader.readUint32(), claim));
    case 0:
      throw protocolError('A header field has no code');
    default:
      skipUnknown(reader, kind);
  }
}

function claimDescriptors(
  count: number,
  claim: ClaimDescriptors | undefined,
): DescriptorList | undefined {
  if (count > 0 && claim === undefined) {
    throw protocolError('Descriptors were announced that nobody agreed to');
  }
  return claim?.(count);
}

/** A kind of name: its type code, and a memory of the names that were found valid. */
interface NameKind {
  readonly kind: string;
  readonly valid: BoundedCache<boolean>;
}

const PATHS: NameKind = { kind: 'o', valid: new BoundedCache(isObjectPath) };
const INTERFACES: NameKind = { kind: 's', valid: new BoundedCache(isInterfaceName) };
const MEMBERS: NameKind = { kind: 's', valid: new BoundedCache(isMemberName) };
const BUS_NAMES: NameKind = { kind: 's', valid: new BoundedCache(isBusName) };

function readName(reader: Reader, kind: string, { kind: wanted, valid }: NameKind): string {
  if (kind !== wanted) throw wrongKind();
  const text = reader.readName();
  if (!valid.get(text)) throw protocolError('A header has an invalid name');
  return text;
}

const SIGNATURES = new BoundedCache((text) => {
  try {
    parseSignature(text);
    return true;
  } catch {
    return false;
  }
});

function checkSignature(text: string): string {
  if (!SIGNATURES.get(text)) throw protocolError('A header has an invalid signature');
  return text;
}

function skipUnknown(reader: Reader, kind: string): void {
  checkSignature(kind);
  const [type, ...more] = parseSignature(kind);
  if (type === undefined || more.length > 0) throw wrongKind();
  compileType(type).read(reader);
}

function wrongKind(): BusError {
  return protocolError('A header field is of the wrong type');
}

const REQUIRED: Readonly<Record<number, readonly (keyof IncomingMessage)[]>> = {
  [MESSAGE_TYPE.call]: ['path', 'member'],
  [MESSAGE_TYPE.reply]: ['replySerial'],
  [MESSAGE_TYPE.error]: ['errorName', 'replySerial'],
  [MESSAGE_TYPE.signal]: ['path', 'interface', 'member'],
};

function checkComplete(message: IncomingMessage, bodyLength: number): void {
  const { reader, signature, type } = message;
  for (const field of REQUIRED[type] ?? []) {
    if (message[field] === '' || message[field] === 0) {
      throw protocolError(`A message has no ${field}`, { type });
    }
  }
  if (reader.bytes.length - reader.position !== bodyLength) {
    throw protocolError('The length of a message is not the sum of its parts');
  }
  if (signature === '' && bodyLength > 0) throw protocolError('A body has no signature');
}

/** Reads the body. Throws `DBUS_PROTOCOL`. To be called once. */
export function readBody(message: IncomingMessage): unknown[] {
  return bodyCodec(message.signature).read(message.reader);
}
