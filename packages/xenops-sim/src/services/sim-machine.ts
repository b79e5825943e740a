/** What a simulated Dom0 has besides Xen: files, loop devices, network links, processes; all of it plain data in memory. */
import type { DiskStat, NetworkLink } from '@xenops/core/hotplug';

export interface SimLoop {
  readonly number: number;
  filePath: string;
  readonly isReadOnly: boolean;
  isKept: boolean;
}

export interface SimProcess {
  readonly pid: number;
  readonly path: string;
  readonly args: readonly string[];
  /** Ends the process; its program decides what comes of a signal. */
  readonly signal: (signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL') => void;
}

/** The parts that a test looks at and changes. */
export class SimMachine {
  /** Disks and other files that `statDisk` knows, by path; all others are looked for on the real machine. */
  readonly disks: Map<string, DiskStat> = new Map<string, DiskStat>();
  readonly files: Map<string, string> = new Map<string, string>();
  readonly loops: Map<number, SimLoop> = new Map<number, SimLoop>();
  readonly links: Map<string, NetworkLink> = new Map<string, NetworkLink>();
  readonly processes: Map<number, SimProcess> = new Map<number, SimProcess>();
  #nextPid = 1000;

  /** A bridge, as the administrator makes one. */
  addBridge(name: string): void {
    this.links.set(name, { name, mtu: 1500, isUp: true });
  }

  /** A driver or a device model makes an interface, or takes it away. */
  setLink(name: string, isPresent: boolean): void {
    if (isPresent) this.links.set(name, { name, mtu: 1500, isUp: false });
    else this.links.delete(name);
  }

  nextPid(): number {
    this.#nextPid += 1;
    return this.#nextPid;
  }
}
