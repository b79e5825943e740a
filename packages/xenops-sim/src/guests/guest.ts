/** What a simulated guest is: a script that acts through the interfaces a real guest has, and only while its domain may run. */
import type { Clock } from '@xenops/core/host';
import type { GuestType, ShutdownReason, Trigger } from '@xenops/core/hypervisor';
import type { XenStore } from '@xenops/core/xenstore';

/** Why a guest goes on after it has suspended: nobody took it away, or it is elsewhere now. */
export type WokenBy = 'cancelled' | 'resumed';

export interface GuestMachine {
  readonly domid: number;
  readonly guestType: GuestType;
  readonly cmdline: string;
  /** A `restored` guest goes on behind its suspension, with `saved` as it left it. */
  readonly start: 'boot' | 'restored';
  /** Memory it has now. */
  readonly memoryKib: number;
  readonly vcpuCount: number;
  readonly clock: Clock;
  /** Fires when the domain is gone. */
  readonly signal: AbortSignal;
  readonly rings: GuestRings;
  /** Plain data that the script keeps over save and restore. */
  saved: unknown;
  /** Resolves at once while the vcpus may run, otherwise when they may. Rejects with ABORTED when the domain is gone. */
  runnable(): Promise<void>;
  /** Lets this time pass. Rejects with ABORTED when the domain is gone. */
  sleep(timeMs: number): Promise<void>;
  /** The guest's xenstore, once the domain has been introduced. Rejects with ABORTED when the domain is gone. */
  openStore(): Promise<XenStore>;
  print(text: string): void;
  /** All vcpus are up and wait. */
  idle(): void;
  /** Shuts the domain down, as the guest does by SCHEDOP_shutdown. */
  shutdown(reason: ShutdownReason): void;
  /** Shuts the domain down for `suspend`; resolves when it runs again. Rejects with ABORTED when the domain is gone. */
  suspend(): Promise<WokenBy>;
  /** Balloons to this much as far as limit and host allow; what it has then. */
  setMemory(memoryKib: number): number;
  /** Who presses a button is heard until the result is disposed. */
  onTrigger(listener: (trigger: Trigger) => void): Disposable;
}

/** A guest's side of shared pages and event channels. */
export interface GuestRings {
  /** Pages that `to` may map, side by side: the references, in order, and their bytes. */
  grantPages(
    to: number,
    count: number,
  ): { readonly refs: readonly number[]; readonly bytes: Uint8Array<ArrayBuffer> };
  endGrants(refs: readonly number[]): void;
  /** A port that `remote` may bind to. */
  allocPort(remote: number): number;
  closePort(port: number): void;
  notify(port: number): void;
  /** Resolves when the port has been notified since the last wait. Rejects with ABORTED when the domain is gone. */
  wait(port: number): Promise<void>;
}

/** A guest's program. It ends when the guest has shut down, or rejects with ABORTED when the domain goes. */
export type Guest = (machine: GuestMachine) => Promise<void>;
