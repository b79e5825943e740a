import { readFileSync } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import type { HostServices, ProcessIdentity } from './host-services.ts';
import {
  exitStatusOf,
  findStartTicks,
  killUser,
  processEnd,
  readLog,
  signalProcess,
  startProcess,
} from './node-processes.ts';
import { isNotFound } from './not-found.ts';
import { findUser } from './system-users.ts';

/** Whether reading never waits for a disk: then to hand it to a thread costs more than to do it. */
function isInMemory(path: string): boolean {
  return path.startsWith('/proc/') || path.startsWith('/run/xen/');
}

/** Read once: it never changes. */
let ownIdentity: Promise<ProcessIdentity> | undefined;

async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, startTicks: (await findStartTicks(pid)) ?? '' };
}

async function unlessNotThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The machine this process runs on. */
export const nodeHostServices: HostServices = {
  clock: systemClock,
  startProcess,
  exitStatusOf,
  findUser,
  signalProcess,
  processEnd,
  killUser,
  readLog,
  ownProcess: () => (ownIdentity ??= identify(process.pid)),
  isAlive: async ({ pid, startTicks }: ProcessIdentity) =>
    (await findStartTicks(pid)) === startTicks,
  readText: (path) =>
    unlessNotThere(async () =>
      isInMemory(path) ? readFileSync(path, 'utf8') : readFile(path, 'utf8'),
    ),
  readBytes: (path) => unlessNotThere(() => readFile(path)),
  async writePrivateFile(path, content) {
    const draft = `${path}.${process.pid}.new`;
    await writeFile(draft, content, { mode: 0o600, flag: 'w' });
    await rename(draft, path);
  },
  async listFolder(folder) {
    try {
      return await readdir(folder);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  },
  removeFile: (path) => rm(path, { force: true }),
  async makeFolder(path) {
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { mode: 0o700 });
    // The mask of a daemon would take the passage from those whose folder it is to be.
    await chmod(path, 0o711);
  },
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
  async makeFileOf({ uid, gid }, path) {
    await using file = await open(path, 'wx', 0o600);
    await file.chown(uid, gid);
  },
};
