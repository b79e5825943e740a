/**
 * Files that a confined device model is given while it runs, for it opens none itself: each in a set of descriptors that bears the name of its
 * drive (`add-fd`, qapi/misc.json), as libxl does for media (libxl_disk.c, `cdrom_insert_ejected`).
 */
import { open } from 'node:fs/promises';
import { DeviceModelError } from '../errors.ts';
import { getHotplug } from '../hotplug/get-hotplug.ts';
import type { Host } from '../host/host.ts';
import type { QmpClient, QmpOptions } from './qmp.ts';

/** What a drive holds. */
export interface GivenMedium {
  /** The number of its set. */
  readonly set: number;
  /** By which the model opens it. */
  readonly fileName: string;
}

/**
 * Gives the model a medium for a drive. Rejects with DM_UNAVAILABLE where files cannot be passed, with the error of the system for a file that
 * cannot be opened, and as `execute`.
 */
export async function giveMedium(
  host: Host,
  qmp: QmpClient,
  { drive, filePath }: { readonly drive: string; readonly filePath: string },
  options: QmpOptions,
): Promise<GivenMedium> {
  const hotplug = getHotplug(host);
  await using file = await open(filePath, 'r');
  const send = (socketFd: number, line: string): void => {
    if (hotplug.sendOpenFile === undefined) throw unable(filePath);
    hotplug.sendOpenFile(socketFd, line, file.fd);
  };
  const set = setOf(await qmp.execute('add-fd', { opaque: drive }, { ...options, send }));
  if (set === undefined) throw unable(filePath);
  const driver = (await hotplug.statDisk(filePath)).kind === 'block' ? 'host_device' : 'file';
  // Without locks, as what it is given at its start.
  const place = { driver, filename: `/dev/fdset/${set}`, locking: 'off' };
  return { set, fileName: `json:${JSON.stringify({ file: place })}` };
}

/** Has the model close what it was given for the drive, but for what it holds now: by itself it does not while somebody is connected. */
export async function closeMedia(
  qmp: QmpClient,
  { drive, now }: { readonly drive: string; readonly now: GivenMedium | undefined },
  options: QmpOptions,
): Promise<void> {
  const answer = await qmp.execute('query-fdsets', {}, options);
  for (const entry of listOf(answer)) {
    const set = setOf(entry);
    const files = typeof entry === 'object' && entry !== null && 'fds' in entry ? entry.fds : [];
    const isOurs = listOf(files).some(
      (file) =>
        typeof file === 'object' && file !== null && 'opaque' in file && file.opaque === drive,
    );
    if (set !== undefined && set !== now?.set && isOurs)
      await qmp.execute('remove-fd', { 'fdset-id': set }, options);
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function setOf(value: unknown): number | undefined {
  const set =
    typeof value === 'object' && value !== null && 'fdset-id' in value
      ? value['fdset-id']
      : undefined;
  return typeof set === 'number' && Number.isSafeInteger(set) ? set : undefined;
}

function unable(filePath: string): DeviceModelError {
  return new DeviceModelError('DM_UNAVAILABLE', {
    message: `The device model cannot be given ${filePath}`,
    context: { filePath },
  });
}
