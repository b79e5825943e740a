/** Names of virtual disks and their numbers (docs/man/xen-vbd-interface). */
import { ConfigError } from '../errors.ts';

/** What a virtual disk is called in the guest. */
export interface DiskName {
  readonly bus: 'xvd' | 'hd' | 'sd';
  /** 0 is `a`. */
  readonly disk: number;
  /** 0 is the whole disk. */
  readonly partition: number;
}

const FORM = /^(?:\/dev\/)?(xvd|hd|sd)([a-z]{1,4})([1-9]\d{0,2})?$/;
const NUMERIC = /^d(\d{1,7})(?:p(\d{1,3}))?$/;
const EXTENDED = 1 << 28;
const DISKS_MAX = 1 << 20;
/** Disks and partitions that the old form of a number has room for, by bus. */
const OLD = {
  xvd: { disks: 16, partitions: 16 },
  sd: { disks: 16, partitions: 16 },
  hd: { disks: 4, partitions: 64 },
} as const;
/** Majors of Linux's IDE controllers, two disks each. */
const HD_MAJORS = [3, 22] as const;
const XVD_MAJOR = 202;
const SD_MAJOR = 8;

/** Reads `xvda`, `hdc1`, `sdb`, `d0p1`, with `/dev/` or without. Throws CONFIG_BAD_VALUE. */
export function parseDiskName(text: string): DiskName {
  const numeric = NUMERIC.exec(text);
  const named = FORM.exec(text);
  const bus = (named?.[1] ?? 'xvd') as DiskName['bus'];
  const name: DiskName | undefined =
    numeric !== null
      ? { bus: 'xvd', disk: Number(numeric[1]), partition: Number(numeric[2] ?? 0) }
      : named !== null
        ? { bus, disk: diskFromLetters(named[2] ?? ''), partition: Number(named[3] ?? 0) }
        : undefined;
  if (name !== undefined && fits(name)) return name;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `${JSON.stringify(text.slice(0, 32))} is no name of a virtual disk; xvda to xvdzzz, hda to hdd and sda to sdp are, with a partition's number or without`,
    context: { name: text.slice(0, 32) },
  });
}

function fits({ bus, disk, partition }: DiskName): boolean {
  if (bus !== 'xvd') return disk < OLD[bus].disks && partition < OLD[bus].partitions;
  return disk < DISKS_MAX && partition <= 255;
}

/** `virtual-device`, which is the devid too. */
export function diskNumber({ bus, disk, partition }: DiskName): number {
  if (bus === 'hd') return ((HD_MAJORS[disk >> 1] ?? 0) << 8) | ((disk & 1) << 6) | partition;
  if (bus === 'sd') return (SD_MAJOR << 8) | (disk << 4) | partition;
  if (disk < OLD.xvd.disks && partition < OLD.xvd.partitions) {
    return (XVD_MAJOR << 8) | (disk << 4) | partition;
  }
  return EXTENDED | (disk << 8) | partition;
}

/** The name for a number, or undefined when it is none of the forms. */
export function findDiskName(number: number): DiskName | undefined {
  if (!Number.isSafeInteger(number) || number < 0 || number >= EXTENDED << 1) return undefined;
  if (number >= EXTENDED) {
    return { bus: 'xvd', disk: (number - EXTENDED) >> 8, partition: number & 0xff };
  }
  const major = number >> 8;
  const sixteenth = { disk: (number >> 4) & 0xf, partition: number & 0xf };
  if (major === XVD_MAJOR) return { bus: 'xvd', ...sixteenth };
  if (major === SD_MAJOR) return { bus: 'sd', ...sixteenth };
  const controller = HD_MAJORS.findIndex((known) => known === major);
  if (controller < 0) return undefined;
  const partition = number & 0x3f;
  if ((number & 0x80) !== 0) return undefined;
  return { bus: 'hd', disk: controller * 2 + ((number >> 6) & 1), partition };
}

/** `xvda1`. */
export function formatDiskName({ bus, disk, partition }: DiskName): string {
  return `${bus}${lettersFromDisk(disk)}${partition === 0 ? '' : partition}`;
}

function diskFromLetters(letters: string): number {
  return Array.from(letters).reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 96, 0) - 1;
}

function lettersFromDisk(disk: number): string {
  const rest = Math.floor(disk / 26);
  return (rest === 0 ? '' : lettersFromDisk(rest - 1)) + String.fromCharCode(97 + (disk % 26));
}
