/**
 * The framing of `xl save` around libxenguest's own stream (tools/xl/xl_vmcontrol.c, tools/libs/light/libxl_sr_stream_format.h). Pure.
 *
 * A file is: the header of xl, its optional data (the configuration as JSON), the header of libxl, then records: a mark after
 * which libxenguest's stream follows as it is, what the device model needs, an end.
 */
import { StreamError } from '../errors.ts';

/** `Xen saved domain, xl format`, newline, space, NUL, space, carriage return: 32 bytes. */
const XL_MAGIC = Buffer.from('Xen saved domain, xl format\n \0 \r', 'latin1');
export const XL_HEADER_BYTES = 48;
const XL_BYTE_ORDER = 0x0102_0304;
/** Bits of the mandatory flags: the configuration is JSON, and the stream is of version 2. */
const XL_JSON = 1;
const XL_STREAM_V2 = 2;
/** A configuration is a few KiB; a larger one is damage or an attack. */
export const XL_OPTIONAL_BYTES_MAX: number = 1 << 20;

const LIBXL_MAGIC = Buffer.from('LibxlFmt', 'latin1');
export const LIBXL_HEADER_BYTES = 16;
const LIBXL_VERSION = 2;
/** Bit of the options: big-endian records. */
const LIBXL_BIG_ENDIAN = 1;

export const RECORD_HEADER_BYTES = 8;
/** Set in a type that a reader may skip. */
const OPTIONAL_RECORD = 0x8000_0000;
export const LIBXL_RECORDS = {
  end: 0,
  libxcContext: 1,
  emulatorXenstoreData: 2,
  emulatorContext: 3,
  checkpointEnd: 4,
  checkpointState: 5,
} as const;
export type LibxlRecordKind = keyof typeof LIBXL_RECORDS;

/** Device model records name which one; this is qemu as it is today (EMULATOR_QEMU_UPSTREAM). */
const EMULATOR_QEMU = 2;
export const EMULATOR_HEADER_BYTES = 8;

/** What precedes libxenguest's stream: both headers and the mark. */
export function encodeImageStart(configJson: string): Buffer {
  const json = Buffer.from(`${configJson}\0`, 'utf8');
  const xl = Buffer.alloc(XL_HEADER_BYTES);
  XL_MAGIC.copy(xl);
  xl.writeUInt32LE(XL_BYTE_ORDER, 32);
  xl.writeUInt32LE(XL_JSON | XL_STREAM_V2, 36);
  xl.writeUInt32LE(0, 40);
  xl.writeUInt32LE(4 + json.length, 44);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([xl, length, json, encodeLibxlStart()]);
}

/** The header of libxl and the mark, without xl's: what a migration sends. */
export function encodeLibxlStart(): Buffer {
  const header = Buffer.alloc(LIBXL_HEADER_BYTES);
  LIBXL_MAGIC.copy(header);
  header.writeUInt32BE(LIBXL_VERSION, 8);
  header.writeUInt32BE(0, 12);
  return Buffer.concat([header, encodeRecord('libxcContext', Buffer.alloc(0))]);
}

/** A record with its padding to 8 bytes. */
export function encodeRecord(kind: LibxlRecordKind, body: Uint8Array): Buffer {
  return Buffer.concat([encodeRecordHeader(kind, body.length), body, paddingOf(body.length)]);
}

/** The header of a record whose body follows separately. */
export function encodeRecordHeader(kind: LibxlRecordKind, bodyBytes: number): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt32LE(LIBXL_RECORDS[kind], 0);
  header.writeUInt32LE(bodyBytes, 4);
  return header;
}

/** The zeros after a body of this length. */
export function paddingOf(bodyBytes: number): Buffer {
  return Buffer.alloc((8 - (bodyBytes % 8)) % 8);
}

/** The first 8 bytes of the body of a device model's record. */
export function encodeEmulatorHeader(): Buffer {
  const header = Buffer.alloc(EMULATOR_HEADER_BYTES);
  header.writeUInt32LE(EMULATOR_QEMU, 0);
  return header;
}

/** Checks xl's header and gives the length of what follows before libxl's. Throws STREAM_INVALID or STREAM_NOT_SUPPORTED. */
export function decodeXlHeader(header: Buffer): { readonly optionalBytes: number } {
  if (!header.subarray(0, 32).equals(XL_MAGIC))
    throw invalid('it is no saved domain: its first bytes are others');
  if (header.readUInt32LE(32) !== XL_BYTE_ORDER)
    throw unsupported('it was written with another byte order');
  const mandatory = header.readUInt32LE(36);
  if (mandatory !== (XL_JSON | XL_STREAM_V2)) {
    throw unsupported(
      `its flags are 0x${mandatory.toString(16)}; JSON and stream version 2 (0x3) can be read`,
    );
  }
  const optionalBytes = header.readUInt32LE(44);
  if (optionalBytes < 5 || optionalBytes > XL_OPTIONAL_BYTES_MAX) {
    throw invalid(`its configuration cannot have ${optionalBytes} bytes`);
  }
  return { optionalBytes };
}

/** The configuration in xl's optional data. Throws STREAM_INVALID. */
export function decodeXlConfig(optional: Buffer): string {
  const length = optional.readUInt32LE(0);
  if (length < 1 || 4 + length > optional.length) throw invalid('its configuration is cut off');
  const text = optional.subarray(4, 4 + length);
  const end = text.indexOf(0);
  return text.subarray(0, end < 0 ? text.length : end).toString('utf8');
}

/** Checks libxl's header. Throws STREAM_INVALID or STREAM_NOT_SUPPORTED. */
export function checkLibxlHeader(header: Buffer): void {
  if (!header.subarray(0, 8).equals(LIBXL_MAGIC))
    throw invalid("libxl's part has other first bytes");
  const version = header.readUInt32BE(8);
  if (version !== LIBXL_VERSION)
    throw unsupported(`its version is ${version}, not ${LIBXL_VERSION}`);
  if ((header.readUInt32BE(12) & LIBXL_BIG_ENDIAN) !== 0)
    throw unsupported('it was written with another byte order');
}

/** A record's kind and length; undefined for one that may be skipped. Throws STREAM_INVALID for an unknown one. */
export function decodeRecordHeader(header: Buffer): {
  readonly kind: LibxlRecordKind | undefined;
  readonly bodyBytes: number;
} {
  const type = header.readUInt32LE(0);
  const bodyBytes = header.readUInt32LE(4);
  const kind = RECORD_KINDS.get(type);
  if (kind === undefined && (type & OPTIONAL_RECORD) === 0) {
    throw invalid(`it has a record of the unknown type 0x${type.toString(16)}`);
  }
  return { kind, bodyBytes };
}

/** Checks that a record is for the device model that we run. Throws STREAM_NOT_SUPPORTED. */
export function checkEmulatorHeader(header: Buffer): void {
  const emulator = header.readUInt32LE(0);
  if (emulator !== EMULATOR_QEMU)
    throw unsupported(`its device model is number ${emulator}, not qemu (${EMULATOR_QEMU})`);
}

const RECORD_KINDS: ReadonlyMap<number, LibxlRecordKind> = new Map(
  Object.entries(LIBXL_RECORDS).map(([kind, type]) => [type, kind as LibxlRecordKind]),
);

export function invalid(why: string): StreamError {
  return new StreamError('STREAM_INVALID', { message: `The image cannot be read: ${why}` });
}

function unsupported(why: string): StreamError {
  return new StreamError('STREAM_NOT_SUPPORTED', { message: `The image cannot be read: ${why}` });
}
