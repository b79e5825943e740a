/**
 * What plays a guest: a script that acts through the interfaces a real guest has, and only while its domain may run.
 */
import type { Clock } from '@xenops/core/host';
import type { ShutdownReason } from '@xenops/core/hypervisor';
import type { XenStore } from '@xenops/core/xenstore';

export interface GuestMachine {
  readonly domid: number;
  readonly cmdline: string;
  readonly memoryKib: number;
  readonly vcpuCount: number;
  readonly clock: Clock;
  /** Fires when the domain is gone. */
  readonly signal: AbortSignal;
  /** Resolves at once while the vcpus may run, otherwise when they may. Rejects with ABORTED when the domain is gone. */
  runnable(): Promise<void>;
  /** The guest's xenstore, once the domain has been introduced. Rejects with ABORTED when the domain is gone. */
  openStore(): Promise<XenStore>;
  print(text: string): void;
  /** All vcpus are up and wait. */
  idle(): void;
  /** Shuts the domain down, as the guest does by SCHEDOP_shutdown. */
  shutdown(reason: ShutdownReason): void;
}

/** A guest's program. It ends when the guest has shut down, or rejects with ABORTED when the domain goes. */
export type Guest = (machine: GuestMachine) => Promise<void>;
