/** What of a VM must survive the monitor, for exactly as long as the host is up. */
import type { VmUuid } from '@xenops/core/ids';
import type { LifeState } from '../life/states.ts';
import type { Media } from './config-keeper.ts';
import type { Plan } from './plan.ts';
import type { Plugging } from './plugging.ts';

/** A plan under way, and how far it is. */
export interface Underway {
  readonly plan: Plan;
  /** Of the step; `begun` until it is done. */
  readonly index: number;
  readonly phase: 'begun' | 'done';
}

export interface VmRecord {
  readonly state: LifeState;
  readonly domid?: number | undefined;
  /** When the guest was last started, in ms since 1970. */
  readonly startedAtMs?: number | undefined;
  readonly quickEnds: number;
  /** How it ended, for one that is preserved. */
  readonly detail?: string | undefined;
  /** The configuration that the domain was made with, as a file's text with its secrets. */
  readonly current: string;
  readonly underway?: Underway | undefined;
  readonly plugging?: Plugging | undefined;
  /** ACPI's number, when the guest is not awake. */
  readonly powerState?: number | undefined;
  /** What it has changed on its disks is kept beyond its domain. */
  readonly keepsChanges?: boolean | undefined;
  /** What is in its CD drives, where that is not what the configuration says. */
  readonly media?: Media | undefined;
}

export interface VmStore {
  load(uuid: VmUuid): Promise<VmRecord | undefined>;
  /** Whole or not at all; calls for one VM take effect in their order. */
  save(uuid: VmUuid, record: VmRecord): Promise<void>;
  remove(uuid: VmUuid): Promise<void>;
}
