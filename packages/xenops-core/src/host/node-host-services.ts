import { readdir, rm } from 'node:fs/promises';
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
