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

export interface HostServices {
  readonly clock: Clock;
  /** This process. */
  ownProcess(): Promise<ProcessIdentity>;
  /** Whether that very process still runs. */
  isAlive(process: ProcessIdentity): Promise<boolean>;
  /** Names in a folder; empty when there is no such folder. */
  listFolder(folder: string): Promise<readonly string[]>;
  /** Removes a file; one that is not there is fine. */
  removeFile(path: string): Promise<void>;
}
