// Writes cpio archives in the "newc" format, which the kernel unpacks as an initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst). Pure.

export type InitramfsEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly data: Uint8Array;
      readonly executable: boolean;
    }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

/** The archive of these entries, owned by root; a folder must come before what is in it. */
export function encodeCpio(entries: readonly InitramfsEntry[]): Buffer {
  const members = entries.map((entry, index) => encodeMember(entry, index + 1));
  const trailer = encodeRecord({ inode: 0, mode: 0, name: 'TRAILER!!!', data: new Uint8Array() });
  return Buffer.concat([...members, trailer]);
}

function encodeMember(entry: InitramfsEntry, inode: number): Buffer {
  const name = entry.path;
  switch (entry.kind) {
    case 'folder':
      return encodeRecord({ inode, mode: 0o040755, name, data: new Uint8Array() });
    case 'file':
      return encodeRecord({
        inode,
        mode: entry.executable ? 0o100755 : 0o100644,
        name,
        data: entry.data,
      });
    case 'device':
      return encodeRecord({ inode, mode: 0o020600, name, data: new Uint8Array(), device: entry });
  }
}

interface CpioRecord {
  readonly inode: number;
  readonly mode: number;
  readonly name: string;
  readonly data: Uint8Array;
  readonly device?: { readonly major: number; readonly minor: number };
}

function encodeRecord({
  inode,
  mode,
  name,
  data,
  device = { major: 0, minor: 0 },
}: CpioRecord): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const [uid, gid, linkCount, mtime, deviceMajor, deviceMinor, checksum] = [0, 0, 1, 0, 0, 0, 0];
  const numbers = [
    ...[inode, mode, uid, gid, linkCount, mtime, data.length, deviceMajor, deviceMinor],
    ...[device.major, device.minor, nameBytes.length, checksum],
  ];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
  const head = Buffer.concat([Buffer.from(header), nameBytes]);
  return Buffer.concat([head, padding(head.length), data, padding(data.length)]);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
