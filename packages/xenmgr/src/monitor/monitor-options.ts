/** How the monitors are reached and started. */
import type { Logger } from '@xenops/core/daemon';
import type { Clock } from '@xenops/core/host';

/** A unit of systemd and the program that asks for it. */
export interface MonitorUnit {
  /** Such as `xenvm.service`. */
  readonly name: string;
  /** systemctl(1), by name or path. */
  readonly systemctl: string;
}

export interface MonitorsOptions {
  /** Where the sockets of the monitor are: `control`, and `vm-UUID` for each VM. */
  readonly socketFolder: string;
  /** Where the configurations of the VMs lie, and the log of a monitor that we start. Ours alone, mode 0700. */
  readonly configFolder: string;
  /** The program that serves all VMs, and its words, such as `xenvm serve`. */
  readonly command: readonly string[];
  /** The unit of systemd that it is; where there is one, it alone starts the program. */
  readonly unit?: MonitorUnit;
  /** Its environment besides PATH and the folder of the sockets. */
  readonly env?: Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly clock: Clock;
}

/** For connecting, and for what the monitor answers at once. */
export const ANSWER_TIMEOUT_MS = 30_000;
/** For a monitor that was started to serve its sockets. */
export const START_TIMEOUT_MS = 60_000;
/** For a VM to be served: the monitor finishes or undoes what was under way before. */
export const SERVE_TIMEOUT_MS = 180_000;
/** Before the second attempt at anything, doubled for each further one up to the maximum. */
export const FIRST_DELAY_MS = 100;
export const DELAY_MAX_MS = 5000;
