/** What VMs can be told to do, and what is known of the running ones. */
import type { BootFacts } from '../vm-config/facts.ts';

/** States inside, as they are kept in xenstore at `/vm/UUID/state`: those of xenvm, and `pre-create`. */
export type PublicState =
  | 'creating'
  | 'running'
  | 'paused'
  | 'stopping'
  | 'stopped'
  | 'locked'
  | 'rebooting'
  | 'rebooted'
  | 'suspending'
  | 'suspended'
  | 'restoring';

/** What a start is told. */
export interface StartOptions {
  /** Do not run the hook `run-insteadof-start`. */
  readonly isInternal?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The life of all VMs. Every method rejects with ManagerError. */
export interface VmLife {
  /** The text of the property `state`. */
  publicState(uuid: string): PublicState;
  /** 0, 3, 4 or 5. */
  acpiState(uuid: string): number;
  /** -1 when it has no domain. */
  domid(uuid: string): number;
  /** Whether it has, or is about to have, a domain. */
  isRunning(uuid: string): boolean;
  /** Uuids of the VMs that must run before it, in the order in which to start them. */
  dependencies(uuid: string): Promise<readonly string[]>;
  /** Whether it waits to be started automatically. */
  isAutostartPending(uuid: string): boolean;

  start(uuid: string, options?: StartOptions): Promise<void>;
  shutdown(uuid: string): Promise<void>;
  destroy(uuid: string): Promise<void>;
  reboot(uuid: string): Promise<void>;
  sleep(uuid: string): Promise<void>;
  resume(uuid: string): Promise<void>;
  hibernate(uuid: string): Promise<void>;
  pause(uuid: string): Promise<void>;
  unpause(uuid: string): Promise<void>;
  suspendToFile(uuid: string, file: string): Promise<void>;
  resumeFromFile(uuid: string, file: string): Promise<void>;
  /** Brings the VM to the screen. */
  switchTo(uuid: string): Promise<void>;
  /** Stops all VMs, in stages; those that do not stop in their time are destroyed when `isForced`. */
  stopAll(options: { readonly isForced: boolean; readonly timeoutMs?: number }): Promise<void>;

  /**
   * Runs a hook of a VM, one of the properties `run-*`, with arguments; a VM without that hook is fine. Rejects with
   * ManagerError `IO`, or `TIMEOUT`.
   */
  runHook(uuid: string, hook: string, args: readonly string[]): Promise<void>;

  /** A new VM is in the database: its state is followed from now on. */
  added(uuid: string): void;
  /** The VM is about to be removed from the database: nothing of it is followed or served any more. */
  removed(uuid: string): Promise<void>;
}

/**
 * A part of the manager that takes part in the life of VMs: NICs, CD drives, firewall, switcher. Called in the order in
 * which parts are registered; what a part throws in `check` and `domainMade` ends the start, elsewhere it is logged.
 */
export interface LifePart {
  readonly name: string;
  /** Before anything is done for a start: what stands against it. Rejects with ManagerError. */
  check?(uuid: string): Promise<void>;
  /** Adds what the configuration needs to know. */
  facts?(uuid: string): Promise<Partial<BootFacts>>;
  /** The domain exists; its devices are about to be made. */
  domainMade?(uuid: string, domid: number, signal: AbortSignal): Promise<void>;
  /** All devices exist; the guest is still paused. */
  created?(uuid: string, domid: number, signal: AbortSignal): Promise<void>;
  /** The guest runs. */
  running?(uuid: string, domid: number): Promise<void>;
  /** The domain is gone; `domid` was its number, -1 when it is not known. */
  gone?(uuid: string, domid: number): Promise<void>;
}
