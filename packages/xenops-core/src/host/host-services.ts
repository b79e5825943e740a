/**
 * What the toolstack needs of the machine besides the hypervisor and xenstore. Real in `node-host-services.ts`; the
 * embedded host and tests bring their own.
 */
import type { Clock } from './clock.ts';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since boot (`/proc/PID/stat`, field 22). */
  readonly startTicks: string;
}

/** A program that goes on when this process ends. */
export interface ProcessSpec {
  /** Absolute path; run without a shell. */
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment besides PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Where both its outputs are appended, mode 0600; put aside as `.1` first when it is larger. */
  readonly log: { readonly path: string; readonly rotateBytes: number };
  /** Files that it finds open for reading, by descriptor. */
  readonly inputs?: Readonly<Record<number, string>>;
  /** Files that it finds open for reading and writing, by descriptor. */
  readonly updates?: Readonly<Record<number, string>>;
  /**
   * In name spaces of its own for mounts and System V IPC, without core dumps, locked memory, file locks and message queues; with few threads once it
   * is no longer root's, and no way back to being so.
   */
  readonly isIsolated?: boolean | undefined;
}

/** A user of the system by its numbers. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** One that the system knows. */
export interface NamedUser extends SystemUser {
  readonly name: string;
}

export interface StartedProcess {
  readonly identity: ProcessIdentity;
  /** Its exit status, -1 for a signal; known only while this process lives. */
  readonly exited: Promise<number>;
}

export interface HostServices {
  readonly clock: Clock;
  /** Folder of sockets of device models; Xen's own unless said. */
  readonly runFolder?: string;
  /** Folder of state that is copied; Xen's own unless said. */
  readonly stateFolder?: string;
  /** Starts a program in a session of its own. Rejects with the error of the system when it cannot be started. */
  startProcess(spec: ProcessSpec): Promise<StartedProcess>;
  /** Runs a program that has an end, without a word of it; its exit status, -1 for a signal. Rejects as `startProcess`. */
  exitStatusOf(path: string, args: readonly string[]): Promise<number>;
  /** The user of this name or number, root among them, wherever the system has its users from; undefined when there is none. */
  findUser(key: string): Promise<NamedUser | undefined>;
  /** Sends a signal to that very process; false when it is gone. */
  signalProcess(
    process: ProcessIdentity,
    signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL',
  ): Promise<boolean>;
  /** Resolves when that very process is gone, whoever started it; rejects when the signal fires. */
  processEnd(process: ProcessIdentity, signal: AbortSignal): Promise<void>;
  /** Kills every process of this user at once; all of them are dying when it comes back. Rejects when they kill who is to kill them. */
  killUser(user: SystemUser): Promise<void>;
  /** The last 1 KiB of a log, fit for a message; empty without one. */
  readLog(path: string): Promise<string>;
  /** This process. */
  ownProcess(): Promise<ProcessIdentity>;
  /** Whether that very process still runs. */
  isAlive(process: ProcessIdentity): Promise<boolean>;
  /** The text of a small file; undefined when there is none. */
  readText(path: string): Promise<string | undefined>;
  /** The same of a file that is no text. */
  readBytes(path: string): Promise<Uint8Array | undefined>;
  /** Writes a file of mode 0600, whole or not at all. */
  writePrivateFile(path: string, content: string | Uint8Array): Promise<void>;
  /** Names in a folder; empty when there is no such folder. */
  listFolder(folder: string): Promise<readonly string[]>;
  /** Removes a file; one that is not there is fine. */
  removeFile(path: string): Promise<void>;
  /** Makes an empty folder, in place of one that is there, that others than its owner can pass through and neither list nor change (mode 0711). */
  makeFolder(path: string): Promise<void>;
  /** Removes a folder with all in it; one that is not there is fine. */
  removeFolder(path: string): Promise<void>;
  /** Makes an empty file of mode 0600 that belongs to this user. Rejects with EEXIST when something is there. */
  makeFileOf(user: SystemUser, path: string): Promise<void>;
}
