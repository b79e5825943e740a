/**
 * Processes and files of a simulated machine. Programs are functions: QEMU's path starts a stand-in, others do what
 * `programs` says, and one that nobody knows is a program that is not there.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AbortedError } from '@xenops/core/errors';
import {
  findInPasswd,
  nodeHostServices,
  type Clock,
  type HostServices,
  type ProcessSpec,
} from '@xenops/core/host';

import type { SimMachine } from './sim-machine.ts';

/** A program under way. */
export interface SimProgram {
  /** Its exit status, once it has ended. */
  readonly exited: Promise<number>;
  readonly signal: (signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL') => void;
}

/** Starts a program; `log` appends to its log. */
export type StartProgram = (spec: ProcessSpec, log: (text: string) => void) => SimProgram;

export interface SimServicesOptions {
  readonly machine: SimMachine;
  readonly clock: Clock;
  /** Folder of the sockets of device models. */
  readonly runFolder: string;
  /** The program for a path; undefined when there is none. */
  readonly findProgram: (path: string) => StartProgram | undefined;
}

const LOG_TAIL_CHARACTERS = 1024;
/** All processes of a simulated machine have started at its boot: their pids are never given twice. No process of a real one has these. */
export const SIM_START_TICKS = '18446744073709551615';

export function simHostServices(options: SimServicesOptions): HostServices {
  const { machine, clock, runFolder } = options;
  const ends = new Map<number, Promise<void>>();
  const isAlive = async ({ pid }: { readonly pid: number }): Promise<boolean> =>
    machine.processes.has(pid);
  return {
    clock,
    runFolder,
    stateFolder: runFolder,
    async startProcess(spec) {
      const start = options.findProgram(spec.path);
      if (start === undefined) throw new Error(`spawn ${spec.path} ENOENT`);
      await mkdir(runFolder, { recursive: true, mode: 0o700 });
      const { files } = machine;
      const log = (text: string): void =>
        void files.set(spec.log.path, `${files.get(spec.log.path) ?? ''}${text}`);
      const pid = machine.nextPid();
      const { exited, signal } = start(spec, log);
      machine.processes.set(pid, { pid, path: spec.path, args: spec.args, signal });
      const ended = exited.then(() => void machine.processes.delete(pid));
      ends.set(pid, ended);
      return { identity: { pid, startTicks: SIM_START_TICKS }, exited: ended.then(() => exited) };
    },
    async signalProcess({ pid }, signal) {
      const found = machine.processes.get(pid);
      found?.signal(signal);
      return found !== undefined;
    },
    async processEnd({ pid }, signal) {
      const aborted = new Promise<never>((_, reject) => {
        const abort = (): void =>
          reject(new AbortedError({ message: `Gave up waiting for process ${pid}` }));
        if (signal.aborted) abort();
        signal.addEventListener('abort', abort, { once: true });
      });
      await Promise.race([ends.get(pid) ?? Promise.resolve(), aborted]);
    },
    async killUser({ uid, gid }) {
      const own = [...machine.processes.values()].filter(({ args }) =>
        args.includes(`${uid}:${gid}`),
      );
      for (const { signal } of own) signal('SIGKILL');
      await Promise.all(own.flatMap(({ pid }) => ends.get(pid) ?? []));
    },
    readLog: async (file) => (machine.files.get(file) ?? '').slice(-LOG_TAIL_CHARACTERS),
    findUser: async (key) => findInPasswd(machine.files.get('/etc/passwd') ?? '', key),
    ownProcess: async () => ({ pid: OWN_PID, startTicks: SIM_START_TICKS }),
    isAlive: async (identity) => identity.pid === OWN_PID || isAlive(identity),
    readText: async (file) => machine.files.get(file),
    readBytes: async (file) => {
      const text = machine.files.get(file);
      return text === undefined ? undefined : Buffer.from(text, 'latin1');
    },
    writePrivateFile: async (file, content) => {
      const text = typeof content === 'string' ? content : Buffer.from(content).toString('latin1');
      machine.files.set(file, text);
    },
    listFolder: async (folder) =>
      [...machine.files.keys()]
        .filter((file) => path.dirname(file) === folder)
        .map((file) => path.basename(file)),
    removeFile: async (file) => void machine.files.delete(file),
    ...simPlaces,
  };
}

/** Folders that device models are confined to are real ones, without real users. QEMU stand-ins know what 7.2 does. */
export const simPlaces: Pick<
  HostServices,
  'makeFolder' | 'removeFolder' | 'makeFileOf' | 'exitStatusOf'
> = {
  exitStatusOf: (file, args) =>
    Promise.resolve(path.basename(file).includes('qemu') && !args.includes('-run-with') ? 0 : 1),
  async makeFolder(folder) {
    await mkdir(path.dirname(folder), { recursive: true, mode: 0o700 });
    await nodeHostServices.makeFolder(folder);
  },
  removeFolder: (folder) => nodeHostServices.removeFolder(folder),
  makeFileOf: (_user, file) => writeFile(file, '', { flag: 'wx', mode: 0o600 }),
};

const OWN_PID = 1;
