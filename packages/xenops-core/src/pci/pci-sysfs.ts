/**
 * What PCI pass-through needs of `/sys/bus/pci`: attributes read as text, links by the name of their target, commands written. Tests bring
 * a kernel of their own behind it.
 */
import { constants } from 'node:fs';
import { open, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { DeviceError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { isNotFound } from '../host/not-found.ts';

/** Paths are relative to `/sys/bus/pci`, as in `devices/0000:03:00.0/resource`. */
export interface PciSysfs {
  /** Names in a folder; empty when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** The text of an attribute; undefined when there is none. */
  read(file: string): Promise<string | undefined>;
  /** The last name of what a link points to; undefined when there is none. */
  readLink(link: string): Promise<string | undefined>;
  /** Writes to an attribute that is there. Rejects with the error of the system. */
  write(file: string, text: string): Promise<void>;
}

const SYSFS_ROOT = '/sys/bus/pci';

/** The kernel's own; `root` is another folder of the same shape. */
export function openPciSysfs(root: string = SYSFS_ROOT): PciSysfs {
  const at = (name: string): string => path.join(root, name);
  return {
    list: (folder) => unlessMissing(readdir(at(folder)), []),
    read: (file) => unlessMissing(readFile(at(file), 'utf8'), undefined),
    readLink: async (link) => {
      const target = await unlessMissing(readlink(at(link)), undefined);
      return target === undefined ? undefined : path.basename(target);
    },
    async write(file, text) {
      // Without O_CREAT: an attribute that the kernel lacks is an error.
      await using handle = await open(at(file), constants.O_WRONLY);
      await handle.write(text);
    },
  };
}

/** The host's PCI devices; undefined on a host that has none to give away. */
export function findPciSysfs({ pci, uri }: Host): PciSysfs | undefined {
  return pci ?? (uri === 'xen:' ? openPciSysfs() : undefined);
}

/** The host's PCI devices. Throws HOTPLUG_FAILED on a host that has none to give away. */
export function getPciSysfs(host: Host): PciSysfs {
  const sysfs = findPciSysfs(host);
  if (sysfs !== undefined) return sysfs;
  throw new DeviceError('HOTPLUG_FAILED', {
    message: `The host ${host.uri} cannot give PCI devices away: it has no sysfs`,
    context: { uri: host.uri },
  });
}

async function unlessMissing<T, M>(result: Promise<T>, missing: M): Promise<T | M> {
  try {
    return await result;
  } catch (error) {
    if (isNotFound(error)) return missing;
    throw error;
  }
}
