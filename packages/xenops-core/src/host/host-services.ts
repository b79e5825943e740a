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
  /** Sends a signal to that very process; false when it is gone. */
  signalProcess(
    process: ProcessIdentity,
    signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL',
  ): Promise<boolean>;
  /** Resolves when that very process is gone, whoever started it; rejects when the signal fires. */
  processEnd(process: ProcessIdentity, signal: AbortSignal): Promise<void>;
  /** The last 1 KiB of a log, fit for a message; empty without one. */
  readLog(path: string): Promise<string>;
  /** This process. */
  ownProcess(): Promise<ProcessIdentity>;
  /** Whether that very process still runs. */
  isAlive(process: ProcessIdentity): Promise<boolean>;
  /** The text of a small file; undefined when there is none. */
  readText(path: string): Promise<string | undefined>;
  /** Writes a file of mode 0600, whole or not at all. */
  writePrivateFile(path: string, text: string): Promise<void>;
  /** Names in a folder; empty when there is no such folder. */
  listFolder(folder: string): Promise<readonly string[]>;
  /** Removes a file; one that is not there is fine. */
  removeFile(path: string): Promise<void>;
}
