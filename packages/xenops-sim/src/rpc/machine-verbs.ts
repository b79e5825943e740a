/**
 * What the simulated Dom0 offers besides Xen, on the hypervisor's socket: its hotplug, and its processes, which are the device models.
 * The same calls under names of their own.
 */
import {
  nodeHostServices,
  type HostServices,
  type ProcessIdentity,
  type ProcessSpec,
  type SystemUser,
} from '@xenops/core/host';
import type { HotplugServices } from '@xenops/core/hotplug';
import { SIM_START_TICKS, simPlaces } from '../services/sim-host-services.ts';

/** Processes by what can be sent: who starts one asks for its end by its identity. */
export interface ProcessCalls {
  start(spec: ProcessSpec): Promise<ProcessIdentity>;
  exitStatus(process: ProcessIdentity, options: SignalOption): Promise<number>;
  signal(process: ProcessIdentity, signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'): Promise<boolean>;
  end(process: ProcessIdentity, options: SignalOption): Promise<void>;
  isAlive(process: ProcessIdentity): Promise<boolean>;
  killUser(user: SystemUser): Promise<void>;
  readLog(path: string): Promise<string>;
}

interface SignalOption {
  readonly signal: AbortSignal;
}

/** Both groups of calls. */
export interface MachineCalls {
  /** An open file does not fit into a message. */
  readonly hotplug: Omit<HotplugServices, 'sendOpenFile'>;
  readonly process: ProcessCalls;
}

type Group = keyof MachineCalls;
type CallKind = 'short' | 'long' | 'quiet';

/** Names; `long` ones take `{ signal }` after their only argument, and a `quiet` one does not keep its caller's process alive besides. */
const CALLS: {
  readonly [G in Group]: Readonly<Record<keyof MachineCalls[G], CallKind>>;
} = {
  hotplug: {
    statDisk: 'short',
    attachLoop: 'short',
    keepLoop: 'short',
    detachLoop: 'short',
    listLoops: 'short',
    listLinks: 'short',
    joinBridge: 'short',
    leaveBridge: 'short',
    renameLink: 'short',
    runScript: 'long',
  },
  process: {
    start: 'short',
    exitStatus: 'quiet',
    signal: 'short',
    end: 'long',
    isAlive: 'short',
    killUser: 'short',
    readLog: 'short',
  },
};

export type MachineVerb = {
  [G in Group]: `${G}.${Extract<keyof MachineCalls[G], string>}`;
}[Group];

const KINDS: ReadonlyMap<string, CallKind> = new Map(
  Object.entries(CALLS).flatMap(([group, calls]) =>
    Object.entries(calls).map(([name, kind]) => [`${group}.${name}`, kind] as const),
  ),
);

export function isMachineVerb(name: string): name is MachineVerb {
  return KINDS.has(name);
}

type AnyCall = (...args: readonly unknown[]) => unknown;

/** The call behind a name; the signal that ends it goes last where it takes one. */
export function machineCall(
  machine: MachineCalls,
  verb: MachineVerb,
  signal: AbortSignal,
): AnyCall {
  const [group = '', name = ''] = verb.split('.');
  // Arguments come from a caller of the same interfaces.
  const calls = machine as unknown as Readonly<Record<string, Readonly<Record<string, AnyCall>>>>;
  const isShort = KINDS.get(verb) === 'short';
  return (...args) => calls[group]?.[name]?.(...args, ...(isShort ? [] : [{ signal }]));
}

/** Sends a call. */
export type SendCall = (
  verb: MachineVerb,
  args: readonly unknown[],
  options?: {
    readonly signal?: AbortSignal | undefined;
    readonly keepsAlive?: boolean | undefined;
  },
) => Promise<unknown>;

/** Calls that are sent. */
export function remoteMachine(send: SendCall): MachineCalls {
  const calls = Object.entries(CALLS).map(([group, kinds]) => {
    const members = Object.entries(kinds).map(([name, kind]: [string, CallKind]) => {
      const verb = `${group}.${name}` as MachineVerb;
      const call = (...args: readonly unknown[]): Promise<unknown> =>
        kind === 'short'
          ? send(verb, args)
          : send(verb, args.slice(0, 1), {
              // Callers have the types of the interfaces.
              ...(args[1] as { readonly signal?: AbortSignal } | undefined),
              keepsAlive: kind === 'long',
            });
      return [name, call] as const;
    });
    return [group, Object.fromEntries(members)] as const;
  });
  // The table has just given a function for each key.
  return Object.fromEntries(calls) as unknown as MachineCalls;
}

/** The processes of these services, for other processes of the real machine to call. */
export function processCalls(services: HostServices): ProcessCalls {
  const exits = new Map<number, Promise<number>>();
  return {
    async start(spec) {
      const { identity, exited } = await services.startProcess(spec);
      exits.set(identity.pid, exited);
      return identity;
    },
    exitStatus: async ({ pid }) => exits.get(pid) ?? -1,
    signal: (process, signal) => services.signalProcess(process, signal),
    end: (process, { signal }) => services.processEnd(process, signal),
    isAlive: (process) => services.isAlive(process),
    killUser: (user) => services.killUser(user),
    readLog: (path) => services.readLog(path),
  };
}

/** Services of this machine, but for device models, which run on the simulated one. */
export function remoteServices(
  calls: ProcessCalls,
  folders: { readonly runFolder: string; readonly stateFolder: string },
): HostServices {
  const never = new AbortController().signal;
  return {
    ...nodeHostServices,
    ...folders,
    async startProcess(spec) {
      const identity = await calls.start(spec);
      const exited = calls.exitStatus(identity, { signal: never });
      // Only some callers wait for it.
      exited.catch(() => undefined);
      return { identity, exited };
    },
    signalProcess: (process, signal) => calls.signal(process, signal),
    processEnd: (process, signal) => calls.end(process, { signal }),
    killUser: (user) => calls.killUser(user),
    readLog: (path) => calls.readLog(path),
    ...simPlaces,
    isAlive: async (process) =>
      process.startTicks === SIM_START_TICKS
        ? calls.isAlive(process)
        : nodeHostServices.isAlive(process),
  };
}
