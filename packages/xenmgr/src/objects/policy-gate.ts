/** The policies that stand in the way of changes. */
import type { View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostFlag } from './host-settings.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';

/** Lets settings of a VM be changed, its disks, NICs and rules included, unless its policy forbids it. */
export function settingsGate(view: View, uuid: string): void {
  if (vmSettings(view, uuid).flag('policy-modify-vm-settings')) return;
  throw new ManagerError('FORBIDDEN_BY_VM_POLICY', {
    message: 'The policy of this VM does not allow its settings to be changed',
    context: { uuid },
  });
}

/** Lets VMs be created, or deleted, unless the policy of the host forbids it. */
export function hostGate(view: View, what: 'creation' | 'deletion'): void {
  if (hostFlag(view, `vm-${what}-allowed`)) return;
  throw new ManagerError('FORBIDDEN_BY_HOST_POLICY', {
    message: `The policy of this host does not allow the ${what} of VMs`,
  });
}
