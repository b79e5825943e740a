/** What of a VM must survive the monitor, for exactly as long as the host is up. */
import type { VmUuid } from '@xenops/core/ids';
import type { LifeState } from '../life/states.ts';
import type { Plan } from './plan.ts';

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
}

export interface VmStore {
  load(uuid: VmUuid): Promise<VmRecord | undefined>;
  /** Whole or not at all; calls for one VM take effect in their order. */
  save(uuid: VmUuid, record: VmRecord): Promise<void>;
  remove(uuid: VmUuid): Promise<void>;
}
