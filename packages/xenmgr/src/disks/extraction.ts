/**
 * Taking a file out of the disk of a guest: the disk is read-only, the file system is mounted read-only in a folder of
 * ours where nothing is executed or a device, and everything is undone whatever happens. What is on the disk is the
 * guest's: links that lead out of it, and anything but a plain file of a bearable size, are refused.
 */
import { constants, createWriteStream } from 'node:fs';
import { mkdtemp, open, realpath, rm, rmdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CleanupStack } from '@xenops/core/lifetime';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { diskOf } from './disks.ts';
import { keyFolders } from './disk-keys.ts';
import { openDisk } from './opened-disk.ts';

const FILE_BYTES_MAX = 512 * 1024 * 1024;
const MOUNT_OPTIONS = 'ro,nosuid,nodev,noexec';
/** What partx counts in. */
const SECTOR_BYTES = 512;

/** Where a file is: in a disk, in one of its partitions or the disk as a whole. */
export interface ExtractionSpec {
  readonly disk: number;
  readonly partition: number | undefined;
  readonly file: string;
}

/** Reads `[disk[,partition]:]path`; the path may have commas and colons. Throws BAD_VALUE. */
export function parseExtraction(text: string): ExtractionSpec {
  const found = /^(?:(\d{1,6})(?:,(\d{1,3}))?:)?(\/.+)$/.exec(text);
  const [, disk, partition, file] = found ?? [];
  if (file === undefined) {
    throw new ManagerError('BAD_VALUE', {
      message: 'What to take out of a disk is [disk[,partition]:]path',
    });
  }
  return {
    disk: Number(disk ?? 0),
    partition: partition === undefined ? undefined : Number(partition),
    file,
  };
}

/** Copies the file to `target`, which is ours alone. Rejects with ManagerError: NO_SUCH_DISK, WRONG_DISK_TYPE, IO. */
export async function extractFile(
  around: Surroundings,
  uuid: string,
  { disk, partition, file }: ExtractionSpec,
  target: string,
): Promise<void> {
  const { database, places, run } = around;
  const view = database.view();
  const settings = diskOf(view, uuid, disk);
  await using undo = new CleanupStack();
  const folders = await keyFolders(around, view, uuid);
  const content = await openDisk(run, settings, { keyFolders: folders, undo });
  const loop = await openLoop(run, content, partition, undo);
  const folder = await mkdtemp(path.join(places.run, 'mount-'));
  // Never with what is in it: it might still be mounted.
  undo.push(`the folder ${folder}`, () => rmdir(folder));
  await run('mount', ['-o', MOUNT_OPTIONS, loop, folder]);
  undo.push(`the mount at ${folder}`, async () => {
    await run('umount', [folder]);
  });
  await copyOut(folder, file, target);
}

async function openLoop(
  run: Surroundings['run'],
  content: string,
  partition: number | undefined,
  undo: CleanupStack,
): Promise<string> {
  const bounds = partition === undefined ? [] : await boundsOf(run, content, partition);
  const words = ['--find', '--show', '--read-only', ...bounds, content];
  const loop = (await run('losetup', words)).trim();
  undo.push(`the loop device ${loop}`, async () => {
    await run('losetup', ['--detach', loop]);
  });
  return loop;
}

async function boundsOf(
  run: Surroundings['run'],
  content: string,
  partition: number,
): Promise<readonly string[]> {
  const number = String(partition);
  const words = ['--show', '--noheadings', '--output', 'START,SECTORS', '--nr', number, content];
  const [, start, count] = /^\s*(\d{1,15})\s+(\d{1,15})\s*$/.exec(await run('partx', words)) ?? [];
  if (start === undefined || count === undefined) {
    throw new ManagerError('IO', { message: `The disk has no partition ${number}` });
  }
  const bytes = (sectors: string): string => String(Number(sectors) * SECTOR_BYTES);
  return ['--offset', bytes(start), '--sizelimit', bytes(count)];
}

async function copyOut(folder: string, file: string, target: string): Promise<void> {
  await rm(target, { force: true });
  try {
    const root = await realpath(folder);
    const source = await realpath(path.join(root, file));
    if (!source.startsWith(`${root}/`)) throw new TypeError('It leads out of the disk');
    // A pipe would have us wait for ever.
    await using handle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK);
    await copyPlain(handle, target);
  } catch (cause) {
    await rm(target, { force: true });
    throw new ManagerError('IO', { message: `${file} cannot be taken out of the disk`, cause });
  }
}

async function copyPlain(handle: FileHandle, target: string): Promise<void> {
  const found = await handle.stat();
  if (!found.isFile()) throw new TypeError('It is no plain file');
  if (found.size > FILE_BYTES_MAX) throw new TypeError(`It has more than ${FILE_BYTES_MAX} bytes`);
  const source = handle.createReadStream({ autoClose: false, start: 0, end: FILE_BYTES_MAX - 1 });
  await pipeline(source, createWriteStream(target, { flags: 'wx', mode: 0o600 }));
}
