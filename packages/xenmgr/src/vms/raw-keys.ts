/** Settings of a VM, and what its guest keeps, by their raw keys. A key is a path below the VM, dots for slashes. */
import type { Draft, View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { settingsGate } from '../objects/policy-gate.ts';

/** The text of a key; empty without one. */
export function readKey(view: View, base: string, key: string): string {
  return view.read(pathOf(base, key)) ?? '';
}

/** Stores a setting of a VM. Throws by its policy, and BAD_VALUE for the uuid, which the VM is known by. */
export function writeSettingKey(draft: Draft, uuid: string, key: string, value: string): void {
  settingsGate(draft, uuid);
  const path = pathOf(`/vm/${uuid}`, key);
  if (path === `/vm/${uuid}/uuid`) {
    throw new ManagerError('BAD_VALUE', { message: 'The uuid of a VM stays as it is' });
  }
  draft.write(path, value);
}

/** Stores what the guest of a VM keeps. Throws BAD_VALUE by the limits of the database. */
export function writeGuestKey(draft: Draft, uuid: string, key: string, value: string): void {
  if (!draft.exists(`/vm/${uuid}`)) {
    throw new ManagerError('NOT_FOUND', { message: 'The VM is gone' });
  }
  draft.write(pathOf(`/dom-store/${uuid}`, key), value);
}

function pathOf(base: string, key: string): string {
  const path = key.replaceAll('.', '/');
  if (path.split('/').some((name) => name !== '')) return `${base}/${path}`;
  throw new ManagerError('BAD_VALUE', { message: 'The key is empty' });
}
