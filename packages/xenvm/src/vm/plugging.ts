/**
 * Devices that come to a running guest, or leave it. What is under way is written down first, so that a monitor that finds it can put an end
 * to it (`end-plugging.ts`).
 */
import type { Vm } from './vm.ts';

export interface Plugging {
  readonly change: 'add' | 'remove';
  readonly kind: 'vbd' | 'vif';
  readonly devid: number;
  /** The name of a disk. */
  readonly vdev?: string;
  /** Whether the guest is not asked when it leaves. */
  readonly isForced?: boolean;
}

/** Does it with a note, which goes together with what `work` changes in the configuration. */
export async function withNote(
  vm: Vm,
  plugging: Plugging,
  work: () => Promise<void>,
): Promise<void> {
  vm.facts.plugging = plugging;
  await vm.save();
  try {
    await work();
  } finally {
    vm.facts.plugging = undefined;
    await vm.save();
  }
}
