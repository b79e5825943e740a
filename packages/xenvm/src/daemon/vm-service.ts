/** What the daemon needs of the VMs it serves: the seam between the outside of the monitor and its inside. */
import type { Logger } from '@xenops/core/daemon';
import type { EventLog } from '../notify/event-log.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { NotifyTarget } from '../notify/transport.ts';
import type { TaskPort } from '../rpc/vm-port.ts';

/** What a VM gets from the daemon. */
export interface OpenVmOptions {
  /** Lower case, checked, and locked: no other process has this VM. */
  readonly uuid: string;
  /** Absent: the built-in configuration. */
  readonly configPath?: string | undefined;
  /** Whether any error of the configuration is fatal. */
  readonly isStrict: boolean;
  /** State of the VM and its devices go here; it is what `TaskPort.events` must be. */
  readonly events: EventLog;
  /** Historical notifications go here. */
  readonly notifier: Notifier;
  /** Called when opened, and whenever a configuration comes into force that names other listeners. */
  readonly setNotifyTargets: (targets: readonly NotifyTarget[]) => void;
  /** The `quit` task: the daemon stops serving this VM, whose guest runs on. */
  readonly requestQuit: () => void;
  readonly logger: Logger;
}

/** A VM under our watch. Disposing ends what is under way, with an answer to its callers, and leaves the guest alone. */
export interface VmService extends TaskPort, AsyncDisposable {
  /** Re-attaches to a running guest, or does what `startup` says. Rejects when that fails. */
  startUp(signal: AbortSignal): Promise<void>;
  /** Reads the configuration file again, for the next boot. Rejects, and keeps the old one, when it has errors. */
  reloadConfig(): Promise<void>;
}

/** Where VMs come from. */
export interface VmProvider extends AsyncDisposable {
  /** The uuid that the file says; undefined when it says none. Rejects when it cannot be read. */
  findUuid(configPath: string): Promise<string | undefined>;
  /** Reads the configuration. Touches nothing of the host before `startUp`. */
  openVm(options: OpenVmOptions): Promise<VmService>;
}
