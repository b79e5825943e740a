/** Keyboard slots: 1 to 9, of user VMs only. */
import type { Draft, View } from '../db/view.ts';
import { isServiceVm, vmSettings } from '../vm-config/vm-settings.ts';

const SLOTS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Whether a VM is a user's, not a service VM. */
export function isUserVm(view: View, uuid: string): boolean {
  return !isServiceVm(vmSettings(view, uuid));
}

/** Uuids of all VMs. */
export function vmUuids(view: View): readonly string[] {
  return view.list('/vm');
}

/** The lowest slot that no user VM has; undefined when all are taken. */
export function freeSlot(view: View): number | undefined {
  const taken = new Set(
    vmUuids(view)
      .filter((uuid) => isUserVm(view, uuid))
      .map((uuid) => vmSettings(view, uuid).number('slot')),
  );
  return SLOTS.find((slot) => !taken.has(slot));
}

/**
 * Makes room for a VM at a slot: whoever has it gets the former slot of this one, or none when this one had none, so that
 * two VMs never share one.
 */
export function makeSlotFree(draft: Draft, uuid: string, slot: number): void {
  if (slot <= 0) return;
  const former = vmSettings(draft, uuid).number('slot');
  for (const other of vmUuids(draft)) {
    if (other === uuid || !isUserVm(draft, other)) continue;
    if (vmSettings(draft, other).number('slot') !== slot) continue;
    draft.write(`/vm/${other}/slot`, String(Math.max(former, 0)));
  }
}
