/**
 * Lines of the key `disk`: `PHYSPATH:PHYSTYPE:VIRTPATH:MODE:DEVTYPE:SNAPSHOT[:KEY=VALUE...]`. Parts are split at every
 * colon; the line may end with an empty part.
 */
import { findDiskName, formatDiskName, parseDiskName } from '@xenops/core/devices';
import { domid, type Domid } from '@xenops/core/ids';
import {
  badValue,
  quoted,
  scalar,
  splitPair,
  splitPieces,
  within,
  type Piece,
  type ValueType,
} from '../value-type.ts';
import { integer, oneOf, PATH } from './plain.ts';

/** How the bytes of a disk lie on the host. `vhd`, `qcow` and `aio` name what the old tap driver served. */
export const DISK_TYPES = ['phy', 'file', 'vhd', 'qcow', 'aio', 'raw', 'qcow2', 'qed'] as const;
export type DiskType = (typeof DISK_TYPES)[number];

export const SNAPSHOT_MODES = [
  'none',
  'temporary',
  'temporary-encrypted',
  'coalesce',
  'scripted',
  'scripted-author',
  'scripted-no-snapshot',
] as const;
export type SnapshotMode = (typeof SNAPSHOT_MODES)[number];

/** dm-crypt over the disk, of whatever type. */
export interface DiskCrypt {
  readonly keyFile: string;
  readonly cipher: string;
  readonly keySizeBits: number;
}

export interface DiskSpec {
  /** Absolute path; empty for a CD drive without a medium. */
  readonly target: string;
  readonly type: DiskType;
  /** `hda`, `xvdb1`... */
  readonly vdev: string;
  readonly readOnly: boolean;
  readonly isCdrom: boolean;
  readonly snapshot: SnapshotMode;
  readonly backendDomid: Domid;
  readonly crypt?: DiskCrypt;
  /** Folders of keys for encryption inside a vhd. */
  readonly keyFolders?: readonly string[];
}

const CIPHER_DEFAULT = 'aes-xts-plain';
const KEY_SIZE_DEFAULT_BITS = 256;

const TYPE = oneOf(DISK_TYPES);
const SNAPSHOT = oneOf(SNAPSHOT_MODES);
const DEVTYPE = oneOf(['disk', 'cdrom']);
const KEY_SIZE = integer(64, 4096);
const DOMID = integer(0, 0x7fef);

/** The options after the six fields, by name. */
interface DiskOptions {
  readonly backendDomid?: Domid;
  readonly keyFile?: string;
  readonly cipher?: string;
  readonly keySizeBits?: number;
  readonly keyFolders?: readonly string[];
}

const OPTIONS: Readonly<Record<string, (text: string) => DiskOptions>> = {
  'backend-domid': (text) => ({ backendDomid: domid(DOMID.parse(text)) }),
  'key-file': (text) => ({ keyFile: PATH.parse(text) }),
  'key-dir': (text) => ({ keyFolders: text.split(',').map((part) => PATH.parse(part)) }),
  'key-size': (text) => ({ keySizeBits: KEY_SIZE.parse(text) }),
  cipher(text) {
    if (/^[\w-]{1,64}$/.test(text)) return { cipher: text };
    throw badValue(`${quoted(text)} is no cipher such as ${CIPHER_DEFAULT}`);
  },
};

export const DISK: ValueType<DiskSpec> = scalar(
  'disk',
  { type: 'string', pattern: '^[^:]*:[^:]+:[^:]+:[rw]:(disk|cdrom):[^:]*(:.*)?$' },
  { parse: parseDisk, render: renderDisk },
);

function parseDisk(text: string): DiskSpec {
  const [target, type, vdev, mode, devtype, snapshot, ...options] = splitPieces(text, ':');
  if (
    target === undefined ||
    type === undefined ||
    vdev === undefined ||
    mode === undefined ||
    devtype === undefined ||
    snapshot === undefined
  ) {
    throw badValue(
      `${quoted(text)} has too few parts: PHYSPATH:PHYSTYPE:VIRTPATH:MODE:DEVTYPE:SNAPSHOT are needed, SNAPSHOT may be empty`,
    );
  }
  const isCdrom = part(devtype, (text) => DEVTYPE.parse(text)) === 'cdrom';
  const { crypt, ...given } = parseOptions(options);
  const spec: DiskSpec = {
    target: part(target, (path) => (path === '' && isCdrom ? '' : PATH.parse(path))),
    type: part(type, parseType),
    vdev: part(vdev, parseVdev),
    readOnly: part(mode, parseMode),
    isCdrom,
    snapshot: snapshot.text === '' ? 'none' : part(snapshot, (text) => SNAPSHOT.parse(text)),
    ...given,
    ...(crypt === undefined ? {} : { crypt }),
  };
  checkDisk(spec, { type, mode, snapshot });
  return spec;
}

function part<T>(piece: Piece, parse: (text: string) => T): T {
  return within(piece.offset, () => parse(piece.text));
}

function parseType(text: string): DiskType {
  if (text === 'vdi') throw badValue('The storage service that served disks of type vdi is gone');
  return TYPE.parse(text);
}

/** A name, or the plain number that some old files have. */
function parseVdev(text: string): string {
  const numbered = /^\d{1,9}$/.test(text) ? findDiskName(Number(text)) : undefined;
  return formatDiskName(numbered ?? parseDiskName(text));
}

function parseMode(text: string): boolean {
  if (text === 'r' || text === 'w') return text === 'r';
  throw badValue(`${quoted(text)} is no mode of a disk: r (read only) or w`);
}

function parseOptions(
  pieces: readonly Piece[],
): Pick<DiskSpec, 'backendDomid' | 'crypt' | 'keyFolders'> {
  let given: DiskOptions = {};
  for (const piece of pieces) {
    if (piece.text === '') continue;
    const { key, value } = splitPair(piece);
    const option = OPTIONS[key];
    if (option === undefined || value === undefined) {
      throw badValue(
        `${quoted(piece.text)} is no option of a disk; ${Object.keys(OPTIONS).join('=, ')}= are`,
        piece.offset,
      );
    }
    given = { ...given, ...part(value, option) };
  }
  const { backendDomid = domid(0), keyFile, cipher, keySizeBits, keyFolders } = given;
  const crypt: DiskCrypt | undefined =
    keyFile === undefined
      ? undefined
      : {
          keyFile,
          cipher: cipher ?? CIPHER_DEFAULT,
          keySizeBits: keySizeBits ?? KEY_SIZE_DEFAULT_BITS,
        };
  if (crypt === undefined && (cipher !== undefined || keySizeBits !== undefined)) {
    throw badValue('A cipher and the size of its key need a key-file too', pieces[0]?.offset ?? 0);
  }
  return {
    backendDomid,
    ...(crypt === undefined ? {} : { crypt }),
    // One of the two ways to encrypt; a key file goes first, as it always did.
    ...(keyFolders === undefined || crypt !== undefined ? {} : { keyFolders }),
  };
}

/** What goes together. An option that would be without effect is refused: data would be written in clear, or lost. */
function checkDisk(
  { type, isCdrom, readOnly, snapshot, crypt, keyFolders }: DiskSpec,
  at: { readonly type: Piece; readonly mode: Piece; readonly snapshot: Piece },
): void {
  if (isCdrom && !readOnly) throw badValue('A CD drive is read-only: mode r', at.mode.offset);
  if (type !== 'vhd' && keyFolders !== undefined) {
    throw badValue(
      `A disk of type ${type} has no keys inside, as key-dir says; one of type vhd has`,
      at.type.offset,
    );
  }
  if (isCdrom && (crypt !== undefined || keyFolders !== undefined)) {
    throw badValue('A CD drive has no encryption', at.type.offset);
  }
  const isLayered = type === 'vhd' || type === 'qcow2';
  if (snapshot !== 'none' && !snapshot.startsWith('scripted') && !isLayered) {
    throw badValue(
      `A disk of type ${type} has no snapshots; vhd and qcow2 have`,
      at.snapshot.offset,
    );
  }
}

function renderDisk(disk: DiskSpec): string {
  const { target, type, vdev, readOnly, isCdrom, snapshot, backendDomid, crypt, keyFolders } = disk;
  return [
    target,
    type,
    vdev,
    readOnly ? 'r' : 'w',
    isCdrom ? 'cdrom' : 'disk',
    snapshot,
    ...(backendDomid === 0 ? [] : [`backend-domid=${backendDomid}`]),
    ...(crypt === undefined
      ? []
      : [`key-file=${crypt.keyFile}`, `cipher=${crypt.cipher}`, `key-size=${crypt.keySizeBits}`]),
    ...(keyFolders === undefined ? [] : [`key-dir=${keyFolders.join(',')}`]),
  ].join(':');
}
