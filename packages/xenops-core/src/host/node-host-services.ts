import { readdir, readFile, rm } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import type { HostServices, ProcessIdentity } from './host-services.ts';

/** The machine this process runs on. */
export const nodeHostServices: HostServices = {
  clock: systemClock,
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

/** Start time of a process; undefined when there is none with this pid, or only its remains (state Z). */
async function findStartTicks(pid: number): Promise<string | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  // The second field is the command in parentheses and may contain anything; the third is the state.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : fields[18];
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
  );
}
