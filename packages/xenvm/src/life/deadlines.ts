/** How long each stage of an operation may take. The one place with these numbers; a stage that a key of the configuration governs names it. */
import type { VmConfig } from '../config/vm-config.ts';

interface Stage {
  readonly timeoutMs: number;
  /** The field whose seconds go before `timeoutMs`. */
  readonly field?:
    | 'acknowledgeTimeoutSeconds'
    | 'shutdownTimeoutSeconds'
    | 'suspendTimeoutSeconds'
    | 'qemuTimeoutSeconds';
  readonly doc: string;
}

export type StageName =
  | 'wait-for-memory'
  | 'create'
  | 'build'
  | 'disks'
  | 'devices'
  | 'device-model'
  | 'acknowledge'
  | 'shut-down'
  | 'suspend'
  | 'save'
  | 'restore'
  | 'destroy'
  | 'unplug'
  | 'undo';

export const STAGES: Readonly<Record<StageName, Stage>> = {
  'wait-for-memory': {
    timeoutMs: 64_000,
    doc: 'Xen scrubs memory of dead domains before it is free.',
  },
  create: { timeoutMs: 60_000, doc: 'An empty domain and its nodes.' },
  build: { timeoutMs: 600_000, doc: 'Populating the memory of the largest guests.' },
  disks: {
    timeoutMs: 3_600_000,
    doc: 'Disks made ready: what the last boot changed may have to be collected on a slow disk.',
  },
  devices: { timeoutMs: 120_000, doc: 'All back-ends connected to their disks and networks.' },
  'device-model': { timeoutMs: 30_000, field: 'qemuTimeoutSeconds', doc: 'Until it serves.' },
  acknowledge: {
    timeoutMs: 30_000,
    field: 'acknowledgeTimeoutSeconds',
    doc: 'Until the guest reacts to a request.',
  },
  'shut-down': {
    timeoutMs: 1_800_000,
    field: 'shutdownTimeoutSeconds',
    doc: 'Until the guest that reacted is down.',
  },
  suspend: {
    timeoutMs: 60_000,
    field: 'suspendTimeoutSeconds',
    doc: 'Until the guest has suspended itself.',
  },
  save: { timeoutMs: 3_600_000, doc: 'Writing all memory to a slow disk.' },
  restore: { timeoutMs: 3_600_000, doc: 'Reading it again.' },
  destroy: {
    timeoutMs: 120_000,
    doc: 'Until Xen has the memory back, which back-ends may still map.',
  },
  unplug: { timeoutMs: 60_000, doc: 'Until the guest lets go of a device.' },
  undo: { timeoutMs: 120_000, doc: 'Undoing one step of an operation that failed.' },
};

/** The deadline of a stage for this VM. */
export function stageTimeoutMs(name: StageName, config: VmConfig): number {
  const { field, timeoutMs } = STAGES[name];
  return field === undefined ? timeoutMs : config[field] * 1000;
}
