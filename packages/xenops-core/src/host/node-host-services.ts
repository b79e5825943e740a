import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import type { HostServices, ProcessIdentity } from './host-services.ts';
import {
  findStartTicks,
  processEnd,
  readLog,
  signalProcess,
  startProcess,
} from './node-processes.ts';
import { isNotFound } from './not-found.ts';

/** The machine this process runs on. */
export const nodeHostServices: HostServices = {
  clock: systemClock,
  startProcess,
  signalProcess,
  processEnd,
  readLog,
  ownProcess: async () => ({
    pid: process.pid,
    startTicks: (await findStartTicks(process.pid)) ?? '',
  }),
  isAlive: async ({ pid, startTicks }: ProcessIdentity) =>
    (await findStartTicks(pid)) === startTicks,
  async readText(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  },
  async writePrivateFile(path, text) {
    const draft = `${path}.${process.pid}.new`;
    await writeFile(draft, text, { mode: 0o600, flag: 'w' });
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
};
